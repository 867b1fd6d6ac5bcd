"""The probe: asks an exchange the questions that its documentation leaves open, within a bounded weight.

Pure. What it finds is told to people and proves nothing: no other part of the program reads it.
"""
