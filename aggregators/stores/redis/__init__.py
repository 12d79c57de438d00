"""Keep events in Redis, in one server or a cluster."""
