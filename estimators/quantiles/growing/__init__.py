"""Grow the trees of a level with LightGBM: parameters, losses, rows."""
