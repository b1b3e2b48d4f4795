"""Records: Tortoise models on Postgres, Beanie documents on MongoDB, and their migrations."""
