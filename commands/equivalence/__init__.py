"""Replay, ask and report for `doorstep check-equivalence`."""
