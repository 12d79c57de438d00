"""Convert numbers of a table to the units of its attributes, propose units and check them."""
