"""Define what all rooms share: errors, limits, settings, clocks and request context."""
