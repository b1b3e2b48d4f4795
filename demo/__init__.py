"""The demo sale, loaded from data files."""
