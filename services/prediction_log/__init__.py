"""Write every served estimate to Parquet."""
