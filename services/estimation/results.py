"""Hold the answers about rows: a distribution, a status and notes for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray
from services.schemas.common import ModelInfo, Status

__all__ = [
    "CLIPPED",
    "DEGRADED",
    "FALLBACK",
    "STATUSES",
    "CodeArray",
    "RowResults",
    "codes_of",
    "placed",
    "statuses_of",
]

CodeArray = NDArray[np.int8]

STATUSES: tuple[Status, ...] = ("ok", "input_clipped", "degraded", "fallback")
"""From good to bad: the status of a composed estimate is the worst of its parts."""

_, CLIPPED, DEGRADED, FALLBACK = range(len(STATUSES))

_CODES = {status: code for code, status in enumerate(STATUSES)}
_NAMES: NDArray[np.object_] = np.array(STATUSES, dtype=object)


def statuses_of(codes: CodeArray) -> list[Status]:
    """Return the statuses of codes.

    >>> statuses_of(np.array([0, 3], dtype=np.int8))
    ['ok', 'fallback']
    """
    return list(_NAMES[codes])


def codes_of(statuses: Iterable[Status]) -> CodeArray:
    """Return statuses as their places in ``STATUSES``.

    >>> codes_of(["ok", "fallback"]).tolist()
    [0, 3]
    """
    return np.array([_CODES[status] for status in statuses], dtype=np.int8)


@dataclass(slots=True, kw_only=True, eq=False)
class RowResults:
    """Answers about rows.

    Args:
        distribution: seconds.
        codes: the status of each row, as places in ``STATUSES``, shape (n_rows,).
        notes: the reasons of a status other than ok, and other remarks, by row; rows without
            notes are left out.
        model: what answered; None: no model did, or several.
        realtime: values of the real-time features, shape (n_rows, n_features); no columns where no
            model of this process was asked.
    """

    distribution: Distribution
    codes: CodeArray
    notes: dict[int, list[str]]
    model: ModelInfo | None
    realtime: FloatArray

    @property
    def status(self) -> list[Status]:
        """The status of each row."""
        return statuses_of(self.codes)

    def notes_of(self, row: int) -> list[str]:
        """Return the notes on a row."""
        return self.notes.get(row, [])

    def notes_by_row(self) -> list[list[str]]:
        """Return the notes on each row."""
        return [self.notes_of(row) for row in range(len(self.codes))]

    def counts(self) -> dict[Status, int]:
        """Return the number of rows by status."""
        of_code = np.bincount(self.codes, minlength=len(STATUSES)).tolist()
        return {status: n for status, n in zip(STATUSES, of_code, strict=True) if n}


def placed(groups: Sequence[tuple[RowResults, Sequence[int]]], n_rows: int) -> RowResults:
    """Return the answers about groups of rows as one.

    Args:
        groups: answers of one model, each with the places of its rows; every row is in one.
        n_rows: of all.

    >>> given = Distribution([0.1, 0.9], [[1.0, 2.0]])
    >>> one = RowResults(
    ...     distribution=given,
    ...     codes=codes_of(["degraded"]),
    ...     notes={0: ["it is dark"]},
    ...     model=None,
    ...     realtime=np.empty((1, 0)),
    ... )
    >>> whole = placed([(one, [1]), (one, [0])], 2)
    >>> whole.status, whole.notes
    (['degraded', 'degraded'], {1: ['it is dark'], 0: ['it is dark']})
    """
    first = groups[0][0]
    if len(groups) == 1 and len(groups[0][1]) == n_rows:
        return first
    levels = first.distribution.levels
    codes = np.full(n_rows, FALLBACK, dtype=np.int8)
    realtime = np.full((n_rows, first.realtime.shape[1]), np.nan)
    notes: dict[int, list[str]] = {}
    for results, rows in groups:
        places = list(rows)
        codes[places] = results.codes
        if results.realtime.shape[1] == realtime.shape[1]:
            realtime[places] = results.realtime
        notes.update({places[k]: lacks for k, lacks in results.notes.items()})
    return RowResults(
        distribution=Distribution.placed(
            levels, n_rows, [(list(rows), results.distribution) for results, rows in groups]
        ),
        codes=codes,
        notes=notes,
        model=first.model,
        realtime=realtime,
    )
