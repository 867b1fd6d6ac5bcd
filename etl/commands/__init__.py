"""What the verbs of the command line do, one file for each. Must not print or read the command line."""
