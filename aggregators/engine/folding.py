"""Fold attributes: what does not depend on ``as_of`` is computed once, as if it were a column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from aggregators.attributes import Attribute, columns_of, events_of, has_elapsed
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels import attribute_kernels as kernels
from aggregators.kernels.layout import Layout
from aggregators.kernels.plan import program_of
from aggregators.tables.sample_table import SampleTable

__all__ = ["fold", "foldable"]


def foldable(features: Iterable[Feature]) -> dict[Attribute, Feature]:
    """Return the expressions that do not depend on ``as_of``, each with a feature that uses it."""
    result: dict[Attribute, Feature] = {}
    for feature in features:
        attribute = feature.attribute
        if attribute is None or isinstance(attribute, str) or has_elapsed(attribute):
            continue
        result.setdefault(attribute, feature)
    return result


def fold(
    attributes: Mapping[Attribute, Feature], table: SampleTable
) -> dict[Attribute, tuple[int, int]]:
    """Compute attributes of all samples into spare rows of a table.

    Returns:
        For each attribute the row of ``columns`` that holds its values, and the row of ``times``
        from which they are known.
    """
    layout = table.layout
    table.make_room(len(attributes), len(attributes))
    places: dict[Attribute, tuple[int, int]] = {}
    for attribute, feature in attributes.items():
        program = program_of(attribute, feature, layout)
        kernels.materialise(program, table.times, table.columns, table.columns[table.n_columns])
        places[attribute] = (table.n_columns, _known_row(attribute, table, layout))
        table.n_columns += 1
    return places


def _known_row(attribute: Attribute, table: SampleTable, layout: Layout) -> int:
    """Return the row of ``times`` from which an attribute is known, written if there is none."""
    rows = _known_rows(attribute, table.source, layout)
    for row in rows:
        if all(table.never_later(other, row) for other in rows):
            return row
    latest = table.times[table.n_times]
    np.maximum(table.times[rows[0]], table.times[rows[1]], out=latest)
    for row in rows[2:]:
        np.maximum(latest, table.times[row], out=latest)
    table.n_times += 1
    return table.n_times - 1


def _known_rows(attribute: Attribute, source: Source, layout: Layout) -> list[int]:
    """Return the rows of ``times`` that must all have happened for the attribute to be known."""
    names = list(events_of(attribute))
    names += [source.known_from_event(column) for column in columns_of(attribute)]
    return sorted({layout.events[name] for name in names})
