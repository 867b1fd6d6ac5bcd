"""The exchange's markets by name. A market is part of every key: order ids, coverage and gaps of two never mix."""

USDM = "usdm"
"""USDⓈ-M futures, the only market so far."""
