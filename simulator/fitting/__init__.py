"""Find the nature of a simulated world whose moments are those of a table of orders."""

from simulator.fitting.comparison import MomentComparison
from simulator.fitting.fit import Fit, fit_nature
from simulator.fitting.matches import MATCHES, Match

__all__ = ["MATCHES", "Fit", "Match", "MomentComparison", "fit_nature"]
