"""Declare features: the aggregators, feature sets and their warm-up."""
