"""Schema migrations, oldest first; they only add: old code runs beside new while it is replaced."""
