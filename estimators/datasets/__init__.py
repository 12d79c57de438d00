"""Loaders that map a public or private table to a source, events and a target; one file each."""

from __future__ import annotations

from pathlib import Path

from estimators.datasets.base import Dataset

__all__ = ["DATASETS", "Dataset", "load_dataset"]

DATASETS: tuple[str, ...] = ("deliveroo",)


def load_dataset(name: str, folder: Path) -> Dataset:
    """Load the data set `name` (one of `DATASETS`) from its folder below `folder`.

    folder: the folder that holds all data sets (`DOORSTEP_DATA`), or the data set's own.

    Raises `DatasetError` when the name or a file is not there; the message says where it looked.
    """
    raise NotImplementedError
