"""Fields that answer: a file per noun, with its types, queries and mutations."""
