"""Declare every setting of the services: environment variable, type, bounds, default, meaning.

A module per topic; :mod:`services.core.settings.table` lists all of them. Nothing is imported here,
because a client needs its own settings alone.
"""
