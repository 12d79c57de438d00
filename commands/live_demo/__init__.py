"""Run the live hour of `doorstep demo`."""
