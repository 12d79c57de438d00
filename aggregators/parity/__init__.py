"""Check that training and inference give the same values."""
