"""Read pandas, polars and Arrow tables as arrays."""
