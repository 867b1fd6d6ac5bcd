"""What the verbs of the command line do, a file a verb. Must not print, and must not read arguments."""
