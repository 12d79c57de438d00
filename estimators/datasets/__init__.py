"""Loaders that map a public or private table to a source, events and a target; one file each.

A data set is a :class:`Dataset`: any table can be one, see its example.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from estimators.core.dataset import Dataset, Question, seconds_between
from estimators.core.errors import DatasetError
from estimators.datasets.cities import cities_dataset, load_cities
from estimators.datasets.deliveroo import load_deliveroo
from estimators.datasets.jumpman import load_jumpman
from estimators.datasets.wolt import load_wolt

__all__ = [
    "DATASETS",
    "Dataset",
    "Question",
    "cities_dataset",
    "load_cities",
    "load_dataset",
    "load_deliveroo",
    "load_jumpman",
    "load_wolt",
    "seconds_between",
]

_LOADERS: dict[str, tuple[str, Callable[[Path], Dataset]]] = {
    "deliveroo": ("deliveroo_prep", load_deliveroo),
    "wolt": ("wolt", load_wolt),
    "jumpman": ("jumpman23", load_jumpman),
    "cities": ("cities", load_cities),
}

DATASETS: tuple[str, ...] = tuple(_LOADERS)
"""Names that :func:`load_dataset` knows."""


def load_dataset(name: str, folder: Path) -> Dataset:
    """Load a data set from its folder.

    Args:
        name: one of ``DATASETS``.
        folder: the folder that holds all data sets (``DOORSTEP_DATA``), or the data set's own.

    Raises:
        DatasetError: no such data set, or no such file; the message says where it looked.

    >>> load_dataset("nothing", Path("."))
    Traceback (most recent call last):
    ...
    estimators.core.errors.DatasetError: no data set 'nothing'; known: deliveroo, ...
    """
    if name not in _LOADERS:
        raise DatasetError(f"no data set {name!r}; known: {', '.join(DATASETS)}")
    own, loader = _LOADERS[name]
    inside = folder / own
    return loader(inside if inside.is_dir() else folder)
