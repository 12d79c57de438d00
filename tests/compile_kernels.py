"""Compiles what numba's cache lacks, once for all processes that run tests.

Run as ``python -m tests.compile_kernels``. Processes that share the tests, and the services that
they start, would otherwise compile the same kernels side by side, each for itself.
"""

from __future__ import annotations

from aggregators.kernels.compilation import compile_kernels
from services.bento.startup import EXPLANATION_KERNELS
from simulator import Scenario, simulate_cities


def main() -> None:
    """Fill the cache: kernels that declare their types, and the simulator's by a tiny run."""
    simulate_cities(Scenario(cities=1, days=1, orders=100, seed=1))
    compile_kernels(EXPLANATION_KERNELS, training=True)


if __name__ == "__main__":
    main()
