"""Write to the console: progress, errors in one line, option groups and output files."""
