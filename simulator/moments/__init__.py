"""Compute the moments in which a table of orders is compared with a simulated city."""

from simulator.moments.moment import Moment
from simulator.moments.table import moments_of

__all__ = ["Moment", "moments_of"]
