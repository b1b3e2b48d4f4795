"""What a running process holds, and the command line."""
