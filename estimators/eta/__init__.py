"""Compose the ETA: parts, moments, calibration and explanation."""
