"""Lay features out as arrays and compute them in compiled loops."""
