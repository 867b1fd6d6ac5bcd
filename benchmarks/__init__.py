"""Measurements. Not tests: nothing here is asserted, and the machines are shared."""
