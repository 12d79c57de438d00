"""One ETA from its parts, as a distribution that adds up.

Quantiles of parts do not add up; draws do. Every part is drawn at the same points of the unit cube
(fixed Sobol points), which a Gaussian copula ties together as the parts' residuals were correlated
in training. The draws follow the delivery: the courier rides while the kitchen cooks, and whoever
comes first waits for the other. So the same question has the same answer, and the expected parts
add up to the expected ETA, to the last bit.

Source: Sklar's copulas (1959); Sobol's points with Owen's scrambling (1998).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.stages import PARTS
from estimators.core.typing import FloatArray, IntArray
from estimators.eta import composition_kernels as kernels
from estimators.eta.sobol import normal_points, uniform_of
from estimators.quantiles.calibration import GRID

__all__ = ["SHOWN_PARTS", "Composed", "GaussianCopula", "compose"]

SHOWN_PARTS = ("to_store", "wait", "to_customer", "parking", "conditions")
"""The terms of the expected ETA; ``wait`` is the courier's wait for the kitchen."""

DRAWS = 512
"""Points of the unit cube, a power of two. With this number the quantiles err by 2% of the standard
deviation and the CRPS is 0.03% above its limit (0.01% with twice as many points, which take twice
as long).
"""

STEP_S = 0.125
"""Expected seconds are multiples of it, so that sums are exact, in binary and in decimals."""

EDGE = 0.0005
"""Levels of outcomes are kept away from 0 and 1, whose normal scores are infinite."""

LEAST_EIGENVALUE = 0.01
"""Below it a part would have no variation of its own."""

MIN_PAIRS = 30
"""Fewer common rows do not determine a correlation."""


class GaussianCopula:
    """The dependence of the parts: the correlation of a Gaussian copula.

    Args:
        correlation: of ``PARTS``, shape (5, 5), symmetric, positive definite, ones on the diagonal.

    Raises:
        InputError: it is no such matrix.

    >>> GaussianCopula.none().correlation.trace().item()
    5.0
    """

    def __init__(self, correlation: FloatArray) -> None:
        self.correlation = np.asarray(correlation, dtype=np.float64)
        n = len(PARTS)
        if self.correlation.shape != (n, n):
            raise InputError(f"correlation has shape {self.correlation.shape}; expected {(n, n)}")
        symmetric = np.allclose(self.correlation, self.correlation.T)
        if not symmetric or not np.allclose(np.diag(self.correlation), 1.0):
            raise InputError("correlation: expected a symmetric matrix with ones on the diagonal")
        try:
            factor = np.linalg.cholesky(self.correlation)
        except np.linalg.LinAlgError as error:
            raise InputError("correlation: expected a positive definite matrix") from error
        self.uniforms: FloatArray = uniform_of(normal_points(DRAWS, n) @ factor.T)
        """Where each part is drawn, shape (``DRAWS``, 5)."""
        self._places: dict[bytes, list[tuple[IntArray, FloatArray]]] = {}

    @classmethod
    def none(cls) -> GaussianCopula:
        """Return independence."""
        return _INDEPENDENT

    def places(self, levels: FloatArray) -> list[tuple[IntArray, FloatArray]]:
        """Return where each part's draws are in a grid: the level below, how far to the next.

        Args:
            levels: of the grid, shape (n_levels,).

        Returns:
            Of each of ``PARTS``, two arrays of shape (``DRAWS``,).
        """
        key = levels.tobytes()
        if key not in self._places:
            upper = np.clip(np.searchsorted(levels, self.uniforms), 1, len(levels) - 1)
            low, high = levels[upper - 1], levels[upper]
            weight = np.clip((self.uniforms - low) / (high - low), 0.0, 1.0)
            columns = range(len(PARTS))
            self._places[key] = [(upper[:, k] - 1, weight[:, k].copy()) for k in columns]
        return self._places[key]

    @classmethod
    def fit(cls, outcome_levels: FloatArray) -> GaussianCopula:
        """Learn from what happened.

        Args:
            outcome_levels: the level of each part's distribution at which the outcome fell (its
                ``cdf``), shape (n_rows, 5) in the order of ``PARTS``; NaN if it is not known. A
                pair of parts that share fewer than ``MIN_PAIRS`` rows counts as independent.

        >>> rng = np.random.default_rng(0)
        >>> level = rng.random((2000, 1))
        >>> outcome_levels = np.hstack([level, level, rng.random((2000, 3))])
        >>> GaussianCopula.fit(outcome_levels).correlation[0, 1].round(2).item()
        0.99
        """
        n = len(PARTS)
        if outcome_levels.ndim != 2 or outcome_levels.shape[1] != n:
            raise InputError(f"surprises have shape {outcome_levels.shape}; expected (n_rows, {n})")
        from scipy.special import ndtri

        scores = ndtri(np.clip(outcome_levels, EDGE, 1.0 - EDGE))
        correlation = np.eye(n)
        for i in range(n):
            for j in range(i):
                both = ~np.isnan(scores[:, i]) & ~np.isnan(scores[:, j])
                a, b = scores[both, i], scores[both, j]
                if len(a) >= MIN_PAIRS and a.std() > 0.0 and b.std() > 0.0:
                    correlation[i, j] = correlation[j, i] = np.corrcoef(a, b)[0, 1]
        return cls(_positive_definite(correlation))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {"parts": list(PARTS), "correlation": self.correlation.tolist()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GaussianCopula:
        """Return the dependence that :meth:`to_json` wrote."""
        if tuple(document["parts"]) != PARTS:
            raise InputError(f"a dependence of {document['parts']}; this version reads {PARTS}")
        return cls(np.asarray(document["correlation"], dtype=np.float64))


@dataclass(frozen=True, kw_only=True, eq=False)
class Composed:
    """ETAs and what they are made of, one row per order (and courier); all in seconds from now.

    Args:
        eta: until the order is handed over.
        at_store: until the courier is at the store.
        expected_s: of each of ``SHOWN_PARTS``, shape (n_rows,); multiples of ``STEP_S``.
        ready_on_arrival: probability that the courier need not wait, shape (n_rows,).
        courier_wait_s: expected wait of the courier for the order, shape (n_rows,).
        food_wait_s: expected wait of the ready order for the courier, shape (n_rows,).
        variance_s2: of each of ``SHOWN_PARTS``, square seconds, shape (n_rows,): the shares of the
            parts in a correction of the sum.
    """

    eta: Distribution
    at_store: Distribution
    expected_s: Mapping[str, FloatArray]
    ready_on_arrival: FloatArray
    courier_wait_s: FloatArray
    food_wait_s: FloatArray
    variance_s2: Mapping[str, FloatArray]

    @property
    def expected_eta_s(self) -> FloatArray:
        """The expected ETA: exactly the sum of the expected parts, shape (n_rows,)."""
        return np.asarray(sum(self.expected_s[name] for name in SHOWN_PARTS))


def compose(
    parts: Mapping[str, Distribution],
    dependence: GaussianCopula | None = None,
    *,
    places: Mapping[str, IntArray] | None = None,
    shift_s: FloatArray | None = None,
) -> Composed:
    """Compose ``max(to_store, ready) + to_customer + parking + conditions``, row by row.

    Args:
        parts: distributions of some of ``PARTS``, each with as many rows. One that is absent is a
            fact of the past, 0 s: before pickup all are there, on the way to the customer
            ``to_customer``, ``parking`` and ``conditions``.
        dependence: the dependence of the parts; None: independent.
        places: of a part whose distribution several rows share, the place of each row's own, shape
            (n_rows,); a part that is absent has one per row, in their order.
        shift_s: seconds by which each row's ``conditions`` move the sum, shape (n_rows,), in place
            of a distribution of theirs.

    Raises:
        InputError: no part, an unknown part, or parts of different numbers of rows.

    >>> kitchen = Distribution([0.1, 0.9], [[500.0, 700.0]])
    >>> ride = Distribution([0.1, 0.9], [[290.0, 310.0]])
    >>> composed = compose({"to_store": ride, "ready": kitchen, "to_customer": ride})
    >>> {name: round(s.item()) for name, s in composed.expected_s.items() if s.item()}
    {'to_store': 300, 'wait': 300, 'to_customer': 300}
    >>> composed.expected_eta_s.item() == sum(s.item() for s in composed.expected_s.values())
    True
    """
    places = places or {}
    n_rows = _rows_of(parts, places, shift_s)
    dependence = dependence or GaussianCopula.none()
    n_shown = len(SHOWN_PARTS)
    result = kernels.CompositionArrays(
        eta=np.empty((n_rows, len(GRID))),
        mean=np.empty((n_rows, n_shown)),
        variance=np.empty((n_rows, n_shown)),
        waits=np.empty((n_rows, 3)),
    )
    given = [_part(parts, places, k, n_rows, dependence) for k in range(len(PARTS))]
    if shift_s is not None:
        given[-1] = _shift(shift_s)
    kernels.compose_rows(tuple(given), *_RANKS, result)
    expected_s = _rounded(result.mean)
    return Composed(
        eta=Distribution.unchecked(GRID, result.eta),
        at_store=_at_store(parts, places, n_rows),
        expected_s={name: expected_s[:, k] for k, name in enumerate(SHOWN_PARTS)},
        ready_on_arrival=result.waits[:, 0],
        courier_wait_s=result.waits[:, 1],
        food_wait_s=result.waits[:, 2],
        variance_s2={name: result.variance[:, k] for k, name in enumerate(SHOWN_PARTS)},
    )


def _part(
    parts: Mapping[str, Distribution],
    places: Mapping[str, IntArray],
    k: int,
    n_rows: int,
    dependence: GaussianCopula,
) -> kernels.PartArrays:
    """Return the kernel's arguments for a part; a part of the past takes no time."""
    one = parts.get(PARTS[k])
    if one is None:
        return kernels.PartArrays(np.zeros((n_rows, 2)), _NO_DRAWS, _NO_WEIGHTS)
    values = one.values
    if PARTS[k] in places:
        values = values[places[PARTS[k]]]
    elif not (values.flags.c_contiguous and values.flags.writeable):
        values = values.copy()
    return kernels.PartArrays(values, *dependence.places(one.levels)[k])


def _shift(shift_s: FloatArray) -> kernels.PartArrays:
    """Return seconds that every draw of a row adds alike, as the kernel takes a part."""
    return kernels.PartArrays(np.repeat(shift_s[:, np.newaxis], 2, axis=1), _NO_DRAWS, _NO_WEIGHTS)


def _at_store(
    parts: Mapping[str, Distribution], places: Mapping[str, IntArray], n_rows: int
) -> Distribution:
    """Return until when the courier is at the store, one per row; 0 s where it is there."""
    one = parts.get("to_store")
    if one is None:
        return Distribution.unchecked(GRID, np.zeros((n_rows, len(GRID))))
    order_rows = places.get("to_store")
    return one if order_rows is None else Distribution.unchecked(one.levels, one.values[order_rows])


def _rows_of(
    parts: Mapping[str, Distribution],
    places: Mapping[str, IntArray],
    shift_s: FloatArray | None,
) -> int:
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise InputError(f"no such part: {', '.join(unknown)}; expected some of {', '.join(PARTS)}")
    rows = {name: len(places.get(name, one)) for name, one in parts.items()}
    if shift_s is not None:
        rows["conditions"] = len(shift_s)
    if len(set(rows.values())) != 1:
        raise InputError(f"the parts have rows {rows}; expected at least one part, and as many")
    return next(iter(rows.values()))


def _rounded(seconds: FloatArray) -> FloatArray:
    return np.round(seconds / STEP_S) * STEP_S


def _ranks() -> tuple[IntArray, FloatArray]:
    """Return for each level of the grid the ordered draw below it, and the weight of the next."""
    # Draw k of n ordered ones stands in the middle of the k-th n-th.
    at = np.clip(GRID * DRAWS - 0.5, 0.0, DRAWS - 1.0)
    low = np.minimum(at.astype(np.int64), DRAWS - 2)
    return low, at - low


def _positive_definite(correlation: FloatArray) -> FloatArray:
    """Return the matrix, its eigenvalues lifted where pairs that were measured apart disagree."""
    value, vector = np.linalg.eigh(correlation)
    if value.min() >= LEAST_EIGENVALUE:
        return correlation
    lifted = (vector * np.maximum(value, LEAST_EIGENVALUE)) @ vector.T
    scale = np.sqrt(np.diag(lifted))
    return np.asarray(lifted / scale / scale[:, np.newaxis])


_RANKS = _ranks()
_NO_DRAWS = np.zeros(DRAWS, np.int64)
_NO_WEIGHTS = np.zeros(DRAWS)
_INDEPENDENT = GaussianCopula(np.eye(len(PARTS)))
