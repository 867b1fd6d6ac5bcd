"""Archives: the exchange's files of past orders. What a file says, which files to ask for, what is to be done next."""
