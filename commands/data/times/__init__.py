"""Read times as people write them: their format, their clock, their day."""
