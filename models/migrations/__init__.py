"""Schema migrations, oldest first; they only add, since old code runs beside new code while it is replaced."""
