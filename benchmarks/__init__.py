"""Benchmarks of Doorstep; `python -m benchmarks.run` runs them all (see README.md here)."""
