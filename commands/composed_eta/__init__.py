"""Train, score and report the composed ETA, for `doorstep train eta` and `doorstep evaluate`."""
