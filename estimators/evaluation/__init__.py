"""Score estimates, in slices and against each other."""
