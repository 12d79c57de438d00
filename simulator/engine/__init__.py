"""The event loop of a city, compiled; see :mod:`simulator.engine.run`."""
