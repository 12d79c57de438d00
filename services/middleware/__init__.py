"""Guard every endpoint: keys, limits, deadlines, traces and the request log."""
