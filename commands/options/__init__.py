"""Declare groups of options that commands share."""
