"""What a data set must say about itself before an estimator can be trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from aggregators import Duration, Event, Source

__all__ = ["Dataset"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table of samples, what is asked about them and how it is split by time.

    name: short name, becomes part of the saved model's metadata.
    source: how the table maps to events (`aggregators.Source`).
    table: pandas DataFrame with the source's columns. Every row happened, also those whose
        label is damaged: aggregates see all of them.
    as_of: the event at which the estimate is asked (`"accepted"`).
    target: the duration to be estimated, in seconds.
    numbers: columns of the request which the model takes as they are (`"amount"`).
    categories: columns of the request which the model takes as categories (`"store_id"`).
    timezones: IANA timezone of every value of `timezone_by`, for hour and weekday as people
        there live them. A value that is not listed has no local time (missing).
    timezone_by: the column which decides the timezone.
    label_bounds_s: a duration outside these bounds (inclusive) is a damaged record and no label.
    test_from: rows whose `as_of` event is at or after this moment are the test period,
        earlier ones are for training and calibration.
    published: results of others on the same split, `{"MAE s, plain aggregates": 410.0}`.
    """

    name: str
    source: Source
    table: pd.DataFrame
    as_of: str
    target: Duration
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    test_from: pd.Timestamp
    timezone_by: str = ""
    timezones: Mapping[str, str] = field(default_factory=dict)
    label_bounds_s: tuple[float, float] = (0.0, float("inf"))
    published: Mapping[str, float] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of the table's content, so that a model says what it was trained on."""
        raise NotImplementedError

    def events(self) -> list[Event]:
        """All events of the table in the order of their time, as a live system would send them.

        Each carries the columns that are known from it on (see `Source.known_from`).
        """
        raise NotImplementedError
