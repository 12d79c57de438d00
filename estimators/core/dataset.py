"""The declaration of a data set, which an estimator is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from aggregators import Duration, Event, Source
from aggregators.times import NEVER, column_to_us, moment_to_us
from estimators.core.errors import DatasetError
from estimators.core.labels import LabelBounds, Labels, labels_of
from estimators.core.typing import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Dataset", "Question", "seconds_between"]


def seconds_between(start: str, end: str) -> Duration:
    """Return the target "seconds from one event to another".

    >>> seconds_between("accepted", "ready")
    Duration('accepted', 'ready')
    """
    return Duration(start, end)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about the samples of a data set, and the facts that are known when it is asked.

    Args:
        target: the duration to be estimated.
        as_of: the event at which the estimate is asked.
        numbers: columns that the model takes as they are.
        categories: columns that the model takes as categories.
        baseline: the number, seconds, to which the difference is learned; None: there is none.

    >>> Question(target=seconds_between("accepted", "ready"), as_of="accepted").numbers
    ()
    """

    target: Duration
    as_of: str
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    baseline: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A table of samples, the question about them and their split by time.

    Args:
        name: short name, becomes part of the saved model's metadata.
        source: how the table maps to events.
        table: the source's columns. Every row happened, also those whose label is damaged:
            aggregates use all of them.
        as_of: the event at which the estimate is asked (``"accepted"``). Rows in which it never
            happened have no question, but they count in the features of others.
        target: the duration to be estimated, in seconds.
        numbers: columns of the request that the model takes as they are (``"amount"``).
        categories: columns of the request that the model takes as categories (``"store_id"``).
        test_from: rows whose ``as_of`` event is at or after this moment are the test period,
            earlier ones are for training and calibration.
        timezone_by: the column that decides the timezone.
        timezones: IANA timezone of every value of ``timezone_by``, for the local hour and weekday.
            A value that is not listed has no local time (missing).
        label_bounds_s: a duration outside these bounds (inclusive) is a damaged record, no label.
        published: errors (MAE, s) of others, by what they are.
        published_test_from: start of the test period of those errors; for another split they are
            not reported.
        others: further sources, such as the weather, with their tables.
        questions: further questions about the data, each with its own numbers and categories; see
            :meth:`about`.
        base_s: what is subtracted from each row's duration, seconds, shape (n_rows,): the target is
            the difference. A row without it has no label. None: nothing is subtracted.
        baseline: a number of the request, seconds, such as a router's time: estimators learn the
            difference of the target to it and add it to their answers. The target itself stays
            whole. None: there is none.
        censoring: which events bound one that is recorded late or not at all, such as a button that
            is not pressed. Questions whose target ends with it have labels that are exact, bounded
            or none, see :mod:`estimators.core.labels`; bounded ones train, exact ones test. None:
            records are taken as they are.

    Raises:
        DatasetError: a column or event is missing, ``test_from`` is naive, a fact is known only
            from a later event than the one at which it is asked, or ``base_s`` does not fit.

    >>> orders = Source("orders", sample_id="id", events=("accepted", "ready"))
    >>> import pandas as pd
    >>> start = pd.Timestamp("2026-03-02 12:00", tz="UTC")
    >>> table = pd.DataFrame(
    ...     {
    ...         "id": [1, 2],
    ...         "accepted": [start, start],
    ...         "ready": [start + pd.Timedelta("10min"), pd.NaT],
    ...     }
    ... )
    >>> dataset = Dataset(
    ...     name="tiny",
    ...     source=orders,
    ...     table=table,
    ...     as_of="accepted",
    ...     target=seconds_between("accepted", "ready"),
    ...     numbers=(),
    ...     categories=(),
    ...     test_from=start,
    ... )
    >>> dataset.target_s.tolist()
    [600.0, nan]
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
    timezones: Mapping[Any, str] = field(default_factory=dict)
    label_bounds_s: tuple[float, float] = (0.0, float("inf"))
    published: Mapping[str, float] = field(default_factory=dict)
    published_test_from: pd.Timestamp | None = None
    others: Mapping[Source, pd.DataFrame] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    base_s: FloatArray | None = None
    baseline: str | None = None
    censoring: LabelBounds | None = None

    def __post_init__(self) -> None:
        censored = () if self.censoring is None else self.censoring.events
        for event in (self.as_of, self.target.start, self.target.end, *censored):
            self.source.check_event(event)
        needed = [self.source.sample_id, *self.source.events, *self.source.columns]
        needed += [*self.numbers, *self.categories, *filter(None, [self.timezone_by])]
        absent = [name for name in dict.fromkeys(needed) if name not in self.table.columns]
        if absent:
            raise DatasetError(
                f"data set {self.name!r}: the table lacks the column(s) {', '.join(absent)}"
            )
        self._check_facts()
        if self.baseline is not None and self.baseline not in self.numbers:
            raise DatasetError(
                f"data set {self.name!r}: the baseline {self.baseline!r} is no number of the"
                f" request; there are: {', '.join(self.numbers) or 'none'}"
            )
        for source, table in self.others.items():
            self._check_other(source, table)
        if self.base_s is not None and self.base_s.shape != (len(self.table),):
            raise DatasetError(
                f"data set {self.name!r}: base_s has shape {self.base_s.shape}; expected"
                f" ({len(self.table)},), one per row"
            )
        if self.test_from.tzinfo is None:
            raise DatasetError(
                f"data set {self.name!r}: test_from is the naive {self.test_from}; expected a"
                " timezone-aware moment, e.g. pandas.Timestamp('2026-03-02', tz='UTC')"
            )

    def _check_facts(self) -> None:
        early = [name for name in (*self.numbers, *self.categories) if not self._known(name)]
        if early:
            raise DatasetError(
                f"data set {self.name!r}: {', '.join(early)} cannot be known when it is asked, at"
                f" {self.as_of!r}: the source says from which later event"
            )

    def _known(self, name: str, as_of: str | None = None) -> bool:
        """Whether a column is known at an event, if events happen in the source's order."""
        events = self.source.events
        known_from = self.source.known_from.get(name, events[0])
        return events.index(known_from) <= events.index(as_of or self.as_of)

    def _check_other(self, source: Source, table: pd.DataFrame) -> None:
        needed = (source.sample_id, *source.events, *source.columns)
        absent = [name for name in needed if name not in table.columns]
        if absent or source.name == self.source.name:
            what = f"lacks the column(s) {', '.join(absent)}" if absent else "has the samples' name"
            raise DatasetError(
                f"data set {self.name!r}: the table of the other source {source.name!r} {what}"
            )

    def about(self, target: Duration, *, as_of: str) -> Dataset:
        """Return the same data with another question, without the published errors.

        A question in ``questions`` has its own facts. Any other question keeps the present facts,
        except those that are known only from a later event on.

        Raises:
            UnknownNameError: an event of the question is not the source's.
        """
        if (target, as_of) == (self.target, self.as_of):
            return self
        asked = {(one.target, one.as_of): one for one in self.questions}.get((target, as_of))
        if asked is None:
            self.source.check_event(as_of)
            asked = Question(
                target=target,
                as_of=as_of,
                numbers=tuple(name for name in self.numbers if self._known(name, as_of)),
                categories=tuple(name for name in self.categories if self._known(name, as_of)),
            )
        return replace(
            self,
            target=target,
            as_of=as_of,
            numbers=asked.numbers,
            categories=asked.categories,
            published={},
            base_s=None,
            baseline=asked.baseline,
        )

    def without(self, *sources: str) -> Dataset:
        """Return the same data without some of the further sources.

        So a model is trained that cannot see them: ``dataset.without("weather", "local_events")``.

        Raises:
            DatasetError: there is no such source beside the samples.
        """
        names = [source.name for source in self.others]
        absent = [name for name in sources if name not in names]
        if absent:
            raise DatasetError(
                f"data set {self.name!r}: no {', '.join(absent)} beside the samples; there is"
                f" {', '.join(names) or 'nothing'}"
            )
        others = {one: table for one, table in self.others.items() if one.name not in sources}
        return replace(self, others=others)

    @cached_property
    def as_of_us(self) -> IntArray:
        """When each row is asked, microseconds UTC; `aggregators.times.NEVER` where it is not."""
        return self._event_us(self.as_of)

    @cached_property
    def target_s(self) -> FloatArray:
        """The target: the duration of each row, less ``base_s``; NaN: not known."""
        return self.duration_s if self.base_s is None else self.duration_s - self.base_s

    @cached_property
    def duration_s(self) -> FloatArray:
        """The duration of each row in seconds, NaN where it is not known exactly."""
        return self._since_start_s(self.target.end) if self.labels is None else self.labels.exact_s

    @cached_property
    def labels(self) -> Labels | None:
        """The label bounds of each row if its end is censored; None: it is not."""
        bounds = self.censoring
        if bounds is None or bounds.event != self.target.end:
            return None
        seconds = {event: self._since_start_s(event) for event in bounds.events}
        return labels_of(bounds, seconds, label_bounds_s=self.label_bounds_s)

    @property
    def asked(self) -> BoolArray:
        """Which rows are asked about at all."""
        return np.asarray(self.as_of_us != NEVER)

    @property
    def labelled(self) -> BoolArray:
        """Which rows are asked about and have a duration within the bounds."""
        low, high = self.label_bounds_s
        bounded = (self.duration_s >= low) & (self.duration_s <= high)
        return self.asked & bounded & ~np.isnan(self.target_s)

    @property
    def bounded(self) -> BoolArray:
        """Which rows are asked about and have bounds for a label."""
        if self.labels is None:
            return np.zeros(len(self.table), dtype=bool)
        known = True if self.base_s is None else ~np.isnan(self.base_s)
        return np.asarray(self.asked & self.labels.bounded & known)

    @cached_property
    def ended_us(self) -> IntArray:
        """When each row's label was known, microseconds UTC; NEVER: it never was.

        A label that later events bound is known when the last of them has happened.
        """
        end_us = self._event_us(self.target.end)
        if self.labels is None or self.censoring is None:
            return end_us
        taken_us = np.minimum.reduce([self._event_us(event) for event in self.censoring.at_most])
        both = np.maximum(end_us, taken_us)
        return np.where(both == NEVER, np.minimum(end_us, taken_us), both)

    @property
    def test_from_us(self) -> int:
        """First moment of the test period, microseconds UTC."""
        return moment_to_us(self.test_from, "test_from")

    @property
    def trains(self) -> BoolArray:
        """Rows for training and calibration: asked, and their label known, before the test."""
        before = (self.as_of_us < self.test_from_us) & (self.ended_us < self.test_from_us)
        return (self.labelled | self.bounded) & before

    @property
    def tests(self) -> BoolArray:
        """Rows of the test period whose duration is known."""
        return self.labelled & (self.as_of_us >= self.test_from_us)

    @property
    def references(self) -> Mapping[str, float]:
        """Published errors (MAE, s) that are about this split."""
        return self.published if self.published_test_from == self.test_from else {}

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of the columns' content, which identifies a model's training data."""
        import pandas as pd

        digest = hashlib.sha256()
        for source, table in {self.source: self.table, **self.others}.items():
            for name in sorted({source.sample_id, *source.events, *source.columns}):
                digest.update(f"{name}\n".encode())
                hashed = pd.util.hash_pandas_object(table[name], index=False)
                digest.update(hashed.to_numpy().tobytes())
        return digest.hexdigest()

    def events(self) -> list[Event]:
        """Return all events of the table in the order of their time, as a live system sends them.

        Each carries the columns that are known from it on (see ``Source.known_from``).
        """
        return list(self._iterate_events())

    def _iterate_events(self) -> Iterator[Event]:
        source = self.source
        time_us = np.column_stack([self._event_us(event) for event in source.events])
        row, event = np.nonzero(time_us != NEVER)
        happened_us = time_us[row, event]
        ids = self.table[source.sample_id].tolist()
        given = [*source.columns, *(name for name in source.facts if name in self.table)]
        columns = {name: _plain_values(self.table[name]) for name in given}
        carried = [
            [name for name in given if source.known_from_event(name) == event_name]
            for event_name in source.events
        ]
        for i in np.lexsort((event, row, happened_us)).tolist():
            k, e = int(row[i]), int(event[i])
            data = {name: columns[name][k] for name in carried[e]}
            yield Event(source.name, ids[k], source.events[e], int(happened_us[i]), data)

    def _since_start_s(self, event: str) -> FloatArray:
        """Return the seconds from the target's start to an event, NaN where either is missing."""
        start_us, event_us = self._event_us(self.target.start), self._event_us(event)
        known = (start_us != NEVER) & (event_us != NEVER)
        return np.where(known, (event_us - start_us) / 1e6, np.nan)

    def _event_us(self, event: str) -> IntArray:
        return np.asarray(column_to_us(self.table[event], f"column {event!r}"))


def _plain_values(column: pd.Series[Any]) -> list[Any]:
    """Return a column as a list with None where a value is missing."""
    missing = column.isna()
    return [None if gone else value for value, gone in zip(column, missing, strict=True)]
