"""Compute features in training and in inference, and explain them, over one plan."""
