"""The command line: one file per group of commands, each of which opens only what it needs."""
