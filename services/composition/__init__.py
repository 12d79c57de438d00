"""Ask the parts of an ETA, here or over the network, and compose them."""
