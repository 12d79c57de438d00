"""Generate a street network: a jittered grid, a river with few bridges, one-way streets.

Distances are along streets, in metres, from every node to every other. A bicycle may ride against
one-way streets, a scooter or car must go around.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.world.arrays import BoolArray, Float32Array, FloatArray, IntArray

__all__ = ["ZONES", "Streets", "make_streets"]

ROWS = 24
"""Crossings per side of the city."""
SPACING_M = 290.0
CENTRE_RADIUS_M = 1_250.0
ONE_WAY_SHARE = 0.45
CLOSED_SHARE = 0.05
"""Streets of the grid that were never built."""
ZONES = ("centre", "east", "north-east", "north", "north-west", "west", "south-west", "south",
         "south-east")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Streets:
    """The crossings of a city and how far it is between them.

    ``x_m`` and ``y_m`` are relative to the centre. ``zone`` indexes ``ZONES``. ``distance_m`` has
    shape (2, n, n): by bicycle, and where one-way streets bind; ``distance_m[v, a, b]`` leads from
    a to b. ``arms`` are the streets (a, b, length_m, one-way, bridge) for a map.
    """

    x_m: FloatArray
    y_m: FloatArray
    zone: IntArray
    distance_m: FloatArray
    arms: FloatArray

    def __len__(self) -> int:
        return len(self.x_m)


def make_streets(bridges: int, rng: np.random.Generator) -> Streets:
    """Draw a network in which every crossing can be reached from every other."""
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(ROWS), np.arange(ROWS)))
    middle = (ROWS - 1) / 2.0
    x_m = (column - middle) * SPACING_M + rng.normal(0.0, 30.0, ROWS * ROWS)
    y_m = (row - middle) * SPACING_M + rng.normal(0.0, 30.0, ROWS * ROWS)
    south = y_m < 500.0 * np.sin(x_m / 1_100.0 + rng.uniform(0.0, 6.0)) - 600.0
    arms = _arms(x_m, y_m, column, row, south, bridges, rng)
    distance_m = np.stack(
        [_all_pairs(len(x_m), arms, one_way=False), _all_pairs(len(x_m), arms, one_way=True)]
    )
    reached: BoolArray = np.isfinite(distance_m).min(axis=0)
    both_ways = reached & reached.T
    # What is connected both ways with the best connected crossing, is so with all the others.
    inside = np.flatnonzero(both_ways[np.argmax(both_ways.sum(axis=1))])
    renumbered = np.full(len(x_m), -1.0)
    renumbered[inside] = np.arange(len(inside))
    arms[:, :2] = renumbered[arms[:, :2].astype(np.int64)]
    return Streets(
        x_m=x_m[inside],
        y_m=y_m[inside],
        zone=_zone_of(x_m[inside], y_m[inside]),
        distance_m=np.ascontiguousarray(distance_m[:, inside[:, None], inside], dtype=np.float64),
        arms=arms[(arms[:, :2] >= 0).all(axis=1)],
    )


def _arms(
    x_m: FloatArray,
    y_m: FloatArray,
    column: IntArray,
    row: IntArray,
    south: BoolArray,
    bridges: int,
    rng: np.random.Generator,
) -> FloatArray:
    """The streets between neighbours: shape (n, 5), see ``Streets.arms``."""
    node = np.arange(ROWS * ROWS)
    starts = np.concatenate([node[column < ROWS - 1], node[row < ROWS - 1]])
    along = np.repeat([1, ROWS], [(column < ROWS - 1).sum(), (row < ROWS - 1).sum()])
    ends = starts + along
    crosses = south[starts] != south[ends]
    vertical = along == ROWS
    chosen = np.linspace(1, ROWS - 2, bridges).round().astype(np.int64)
    bridge = crosses & vertical & np.isin(column[starts], chosen)
    built = (rng.random(len(starts)) >= CLOSED_SHARE) & ~crosses | bridge
    # A whole street is one-way, neighbouring ones in turns, as cities do it.
    line = np.where(vertical, column[starts], ROWS + row[starts])
    single = (rng.random(2 * ROWS) < ONE_WAY_SHARE)[line] & ~bridge
    backwards = single & (line % 2 == 1)
    length_m = np.hypot(x_m[starts] - x_m[ends], y_m[starts] - y_m[ends])
    length_m *= rng.uniform(1.0, 1.25, len(starts))
    a = np.where(backwards, ends, starts)
    b = np.where(backwards, starts, ends)
    return np.asarray(np.column_stack([a, b, length_m, single, bridge])[built], dtype=np.float64)


def _all_pairs(n: int, arms: FloatArray, *, one_way: bool) -> Float32Array:
    """Shortest ways between all pairs (Floyd and Warshall), float32 of shape (n, n)."""
    distance_m = np.full((n, n), np.inf, dtype=np.float32)
    np.fill_diagonal(distance_m, 0.0)
    a, b = arms[:, 0].astype(np.int64), arms[:, 1].astype(np.int64)
    distance_m[a, b] = arms[:, 2]
    back = arms[:, 3] == 0.0 if one_way else np.ones(len(arms), dtype=np.bool_)
    distance_m[b[back], a[back]] = arms[back, 2]
    for k in range(n):
        np.minimum(distance_m, distance_m[:, k, None] + distance_m[k], out=distance_m)
    return distance_m


def _zone_of(x_m: FloatArray, y_m: FloatArray) -> IntArray:
    sector = np.floor_divide(np.arctan2(y_m, x_m) + np.pi / 8.0, np.pi / 4.0).astype(np.int64) % 8
    return np.where(np.hypot(x_m, y_m) < CENTRE_RADIUS_M, 0, sector + 1)
