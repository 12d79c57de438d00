"""Draw a simulation as a page of plots."""
