"""Read tables, mappings, and simulated and public data."""
