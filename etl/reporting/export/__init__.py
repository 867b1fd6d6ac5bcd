"""Exports: stored orders as files for other programs. Decides nothing about what is complete."""
