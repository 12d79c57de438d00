"""Compute the true distribution of what is still to come."""
