"""What a run is: its plan, its walks in flight, its rows and its exit code. Must not know the command line."""
