"""One run: its plan, its walks in flight, what it stores and its exit code. Must not know the command line."""
