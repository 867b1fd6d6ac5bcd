"""The pure core: what to request, what a response proves, what is complete. Standard library only; no clock, no I/O."""
