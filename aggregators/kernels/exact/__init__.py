"""Add numbers exactly and round once: keys, accumulators of long integers, correct rounding."""
