"""Understand a user's own table, and train what it can answer, for `mapping check` and `try`."""
