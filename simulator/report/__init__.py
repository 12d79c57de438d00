"""Say in plain numbers what a page about a simulation shows."""
