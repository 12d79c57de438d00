"""Write answers into their columns many at a time.

Queries are answered in the order of groups, and their columns are anywhere. A loop that does
nothing but write does not wait for each place in memory; a walk that wrote there took twice as
long.
"""

from __future__ import annotations

from aggregators.kernels.numba_cache import inlined
from aggregators.typing import Float64Array, Int64Array

__all__ = ["BUFFERED_QUERIES", "write_answers"]

BUFFERED_QUERIES = 1024
"""So many queries are answered before they are written."""


@inlined
def write_answers(
    buffer: Float64Array,
    n: int,
    functions: Int64Array,
    targets: Int64Array,
    start: int,
    result: Float64Array,
) -> None:
    """Write the answers of n queries, from ``start`` on, into their columns."""
    for f in range(len(functions)):
        output = functions[f, 2]
        for i in range(n):
            result[output, targets[start + i]] = buffer[f, i]
