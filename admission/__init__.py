"""Who may try: rate limits."""
