"""Answer one use case each: an order's ETA, courier selection, courier arrival, displayed range."""
