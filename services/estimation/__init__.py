"""Answer with one model over one event store."""
