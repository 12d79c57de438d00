"""Propose the longest duration that is a label: a few forgotten rides decide no model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from commands.data.mapped_dataset import QUESTIONS
from commands.data.plausible_numbers import kind_of_rows, longest_plausible_s, usual_until_s
from commands.guessing.guessed import GuessedMapping

if TYPE_CHECKING:
    from estimators.core.typing import FloatArray

__all__ = ["bound_labels"]


def bound_labels(guessed: GuessedMapping, table: pd.DataFrame, seconds: pd.DataFrame) -> None:
    """Bound the durations if a few are far too long, or if the long ones are another kind of order.

    One bound holds for all questions, so none may lose what is usual for it.

    Args:
        guessed: gets the bound and a question.
        table: the rows.
        seconds: the times of the events.
    """
    lasted = _durations_s(guessed, table, seconds)
    bounds_s, reasons = [], []
    for one in lasted:
        bound_s = longest_plausible_s(one)
        if not math.isfinite(bound_s):
            bound_s, reason = _bound_of_kind(guessed, table, one)
            reasons += [reason] if reason else []
        bounds_s.append(bound_s)
    if not any(map(math.isfinite, bounds_s)):
        return
    longest_s = max(
        bound_s if math.isfinite(bound_s) else float(np.nanmax(one))
        for bound_s, one in zip(bounds_s, lasted, strict=True)
    )
    n_longer = sum(int((one > longest_s).sum()) for one in lasted)
    if not n_longer:
        return
    guessed.longest_s = longest_s
    guessed.questions.append(
        f"Are the {n_longer:,} durations of more than {longest_s:,.0f} s damaged, or of another"
        f" kind{' (' + reasons[0] + ')' if reasons else ''}? label_bounds_s leaves them out as"
        " labels"
    )


def _bound_of_kind(
    guessed: GuessedMapping, table: pd.DataFrame, lasted_s: FloatArray
) -> tuple[float, str]:
    bound_s = usual_until_s(lasted_s)
    columns = [one for one in guessed.dimensions.values() if one in table.columns]
    kind = kind_of_rows(table, columns, lasted_s > bound_s)
    if kind is None:
        return math.inf, ""
    column, value, n = kind
    return bound_s, f"{n:,} have {column} = {value}"


def _durations_s(
    guessed: GuessedMapping, table: pd.DataFrame, seconds: pd.DataFrame
) -> list[FloatArray]:
    events = guessed.events
    lasted = [
        (seconds[events[end]] - seconds[events[start]]).to_numpy(np.float64)
        for start, end in QUESTIONS
        if start in events and end in events
    ]
    for one in guessed.later.values():
        unit_s = 60.0 if one.unit == "minutes" else 1.0
        lasted.append(table[one.column].to_numpy(np.float64) * unit_s)
    return lasted
