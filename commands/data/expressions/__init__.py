"""Filter and derive columns of a table by expressions over its columns alone."""
