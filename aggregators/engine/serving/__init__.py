"""Compute the features of requests from what an event store gives, and keep long windows."""
