"""Take events over HTTP and Redis Streams into an event store."""
