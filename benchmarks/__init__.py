"""Measurements. They assert nothing, as other programs share the machine."""
