"""Find in a table what training would refuse, and what makes answers too good or too bad."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from commands.console.output import error_console
from commands.data.plausible_numbers import (
    FOLLOWS,
    closeness,
    kind_of_rows,
    longest_plausible_s,
    usual_until_s,
)
from commands.data.units.plausibility import unit_warnings
from commands.guessing.known_from import filled_with
from commands.options.estimators import choices_for
from commands.own_table.understanding import asked_questions

if TYPE_CHECKING:
    from estimators import Dataset

__all__ = ["findings", "print_findings"]


def findings(dataset: Dataset, units: Mapping[str, str]) -> list[str]:
    """Return a sentence for each thing to look at, what ends a training first.

    Args:
        dataset: of the user.
        units: attribute -> unit that the mapping states of its column.
    """
    asked = asked_questions(dataset)
    found = [
        *_refusals(dataset),
        *_empty(dataset),
        *(one for about in asked for one in _damaged(about)),
        *(one for about in asked for one in _long(about)),
        *(one for about in asked for one in _answers(about)),
        *_filled_later(dataset),
        *unit_warnings(dataset, units),
    ]
    return [*dict.fromkeys(found)]


def print_findings(found: list[str]) -> None:
    """Print findings as warnings."""
    for one in found:
        error_console.print(Text.assemble(("warning: ", "yellow"), one), soft_wrap=True)


def _refusals(dataset: Dataset) -> Iterator[str]:
    """Yield what training of each estimator would refuse."""
    from aggregators import AggregatorError
    from estimators.quantiles.later_rows import ROWS_MIN
    from estimators.training.train import usable_features

    if not dataset.source.dimensions:
        yield (
            "the table has no dimension, so no estimator has a real-time feature:"
            " constants: {city: NAME} in the mapping gives all rows one city"
        )
        return
    for choice in choices_for(dataset):
        asked = choice.asked_of(dataset)
        n_train, n_test = int(asked.trains.sum()), int(asked.tests.sum())
        what = f"{choice.name} ({asked.target.start} to {asked.target.end})"
        try:
            usable = usable_features(choice.offered.load(), asked)
        except AggregatorError as error:
            yield f"{what} has no features for these events: {error}"
            continue
        if not usable:
            yield (
                f"{what} has no real-time feature for the dimensions"
                f" {', '.join(dataset.source.dimensions)}: training refuses it"
            )
        elif n_train < ROWS_MIN:
            yield (
                f"{what} has {n_train:,} rows to train on; training refuses fewer than {ROWS_MIN}"
            )
        elif not n_test:
            yield f"{what} has no row to test with: test_from in the mapping decides"


def _empty(dataset: Dataset) -> Iterator[str]:
    """Yield the rows to which nothing has happened, which no feature counts."""
    times = dataset.table[list(dataset.source.events)]
    n = int(times.isna().all(axis=1).sum())
    if n:
        yield (
            f"{n:,} of {len(times):,} rows have no event: is one a row of totals? filter: in the"
            " mapping leaves rows out"
        )


def _damaged(dataset: Dataset) -> Iterator[str]:
    """Yield the numbers of durations that cannot be true."""
    seconds = dataset.duration_s[dataset.asked & ~np.isnan(dataset.duration_s)]
    low_s, high_s = dataset.label_bounds_s
    counts = {"negative": int((seconds < 0.0).sum())}
    if low_s <= 0.0:
        counts["0 s"] = int((seconds == 0.0).sum())
    longest_s = longest_plausible_s(seconds)
    if longest_s < high_s:
        what = f"longer than {longest_s:,.0f} s (the longest {seconds.max():,.0f} s)"
        counts[what] = int((seconds > longest_s).sum())
    said = [f"{n:,} {'is' if n == 1 else 'are'} {what}" for what, n in counts.items() if n]
    if said:
        yield (
            f"{dataset.target.start} to {dataset.target.end}: of {len(seconds):,} durations"
            f" {', '.join(said)}. Are these damaged records? Negative ones are no labels;"
            " label_bounds_s: [SHORTEST, LONGEST] says which others are none"
        )


def _long(dataset: Dataset) -> Iterator[str]:
    """Yield how many durations are unusually long, and what they have in common."""
    rows = dataset.labelled
    bound_s = usual_until_s(dataset.duration_s[rows])
    if bound_s >= min(dataset.label_bounds_s[1], dataset.duration_s[rows].max(initial=0.0)):
        return
    is_long = rows & (dataset.duration_s > bound_s)
    dimensions = [one for one in dataset.source.dimensions if one not in dataset.source.known_from]
    kind = kind_of_rows(dataset.table, dimensions, is_long)
    common = "" if kind is None else f"; {kind[2]:,} of them have {kind[0]} = {kind[1]}"
    yield (
        f"{dataset.target.start} to {dataset.target.end}: {int(is_long.sum()):,} of"
        f" {int(rows.sum()):,} durations ({is_long.sum() / rows.sum():.1%}) are longer than"
        f" {bound_s:,.0f} s{common}. Their errors count most. If they are of another kind,"
        f" such as orders for later, label_bounds_s: [0, {bound_s:.0f}] leaves them out as labels"
    )


def _answers(dataset: Dataset) -> Iterator[str]:
    """Yield the numbers of the request that follow the target too closely."""
    import pandas as pd

    rows = dataset.labelled
    for name in dataset.numbers:
        values = dataset.table.loc[rows, name]
        close = closeness(values, pd.Series(dataset.target_s[rows], values.index))
        if close > FOLLOWS:
            yield (
                f"{name} follows {dataset.target.start} to {dataset.target.end}"
                f" almost exactly (rank correlation {close:.3f}): is it known only afterwards? Say"
                " so with known_from, or leave it out"
            )


def _filled_later(dataset: Dataset) -> Iterator[str]:
    """Yield the columns that are filled only where a later event has happened."""
    source, table = dataset.source, dataset.table
    for name in source.columns:
        known_from = source.known_from_event(name)
        place, filled = source.events.index(known_from), table[name].notna()
        if filled_with(filled, {known_from: table[known_from].notna()}):
            continue
        later = {event: table[event].notna() for event in source.events[place + 1 :]}
        event = filled_with(filled, later)
        if event:
            yield (
                f"{name} is filled only where {event} has happened: if it is known from then on,"
                f" known_from: {{{name}: {event}}} says so"
            )
