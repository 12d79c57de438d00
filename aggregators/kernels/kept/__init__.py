"""Keep windows from request to request: a long window of a busy group costs what has changed."""
