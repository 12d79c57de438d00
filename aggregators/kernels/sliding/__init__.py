"""Keep windows while they slide: a query costs the same whatever the length of its window."""
