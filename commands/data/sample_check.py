"""Check the samples of a file for a store or a training; errors name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from aggregators import AggregatorError, Source
from aggregators.kernels.layout import Layout
from aggregators.stores.bulk import read_samples
from aggregators.stores.facts import facts_of_table
from aggregators.tables.ids import plain_ids
from aggregators.tables.sample_table import SampleTable
from commands.console.output import UserError

__all__ = ["check_for_training", "check_samples", "names_file"]


class _Located(Protocol):
    """A file of samples."""

    @property
    def path(self) -> Path:
        """Of the file."""

    def located(self, message: str) -> str:
        """Return an error about rows with their lines in the file."""


def check_samples(file: _Located, source: Source, rows: pd.DataFrame) -> pa.Array:
    """Return the ids of samples, and refuse every sample that a store would refuse.

    Args:
        file: in which they are.
        source: whose samples they are.
        rows: of the file, labelled by their number in it.

    Raises:
        UserError: a value that cannot be taken; the message names file, column and row.
    """
    with names_file(file):
        samples = read_samples(source, rows)
        facts_of_table(source, rows, samples.row_of)
        return plain_ids(rows[source.sample_id], f"column {source.sample_id!r}")


def check_for_training(file: _Located, source: Source, rows: pd.DataFrame) -> None:
    """Refuse what no feature can be computed of; texts may be longer than a store takes them.

    Args:
        file: in which they are.
        source: whose samples they are.
        rows: of the file, labelled by their number in it.

    Raises:
        UserError: a value that cannot be taken; the message names file, column and row.
    """
    with names_file(file):
        SampleTable.read(source, rows, Layout.of_source(source), list(source.dimensions))


@contextmanager
def names_file(file: _Located) -> Iterator[None]:
    """Put a file's name before the errors of the engine, which name column and row."""
    try:
        yield
    except AggregatorError as error:
        raise UserError(f"{file.path.name}, {file.located(str(error))}") from error
