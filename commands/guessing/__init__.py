"""Guess a first mapping of a table from the names and values of its columns."""
