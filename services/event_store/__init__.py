"""Open, check and compact the event store, and read features from it."""
