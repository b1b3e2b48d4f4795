"""Use cases: the only place where stock, money and records meet."""
