"""Estimate without a model."""
