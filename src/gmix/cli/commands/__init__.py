"""The commands, one per file, with their arguments and options."""
