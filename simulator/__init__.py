"""A small synthetic city: orders that a loaded kitchen really delays.

Stores with a finite kitchen and a line before it, demand by hour and weekday with better and worse
days, baskets, a pool of couriers, cancellations. Everything follows from one seed.

What it does not model, so nothing learned here should be believed about it: couriers who refuse,
carry several orders or go off duty; weather and local events as such (a city's good and bad days
are drawn, not explained); traffic by hour; opening hours beyond demand itself; stores that batch
dishes or cook by promised time; customers who react to the estimate; late, lost or repeated events.

>>> from simulator import CityPlan, events_of, simulate
>>> orders = simulate(CityPlan(stores=4, days=1, seed=1))
>>> {event.source for event in events_of(orders)}
{'orders'}
"""

from simulator.city import simulate
from simulator.orders import ORDERS, events_of
from simulator.plan import CityPlan

__all__ = ["ORDERS", "CityPlan", "events_of", "simulate"]
