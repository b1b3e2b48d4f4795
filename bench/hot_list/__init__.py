"""W1: the list that everybody looks at."""
