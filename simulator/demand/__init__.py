"""Draw what customers order, when and where."""
