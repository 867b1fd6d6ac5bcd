"""The pure core: what to ask, what an answer proves, what is complete. Standard library only; no clock, no I/O."""
