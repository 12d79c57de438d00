"""A small city in plain Python, for demonstrations and tests: it starts at once, compiles nothing.

Stores with a finite kitchen and a line before it, demand by hour and weekday with better and worse
days, baskets, a pool of couriers, cancellations. Everything follows from one seed.

What it does not model, so nothing learned here should be believed about it: couriers who refuse or
go off duty; weather and local events as such (a city's good and bad days are drawn, not explained);
traffic by hour; opening hours beyond demand itself; stores that batch dishes; late, lost or
repeated events. The real simulator, :mod:`simulator`, does.
"""

from simulator.small.city import simulate
from simulator.small.orders import events_of

__all__ = ["events_of", "simulate"]
