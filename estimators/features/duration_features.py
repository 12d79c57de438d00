"""Features of the duration that an estimator predicts, for any groups of samples.

The catalog cannot have them, as it does not know the target: recent durations, durations per metre
or product, and the age of open samples. Most are medians and quantiles, which a lost closing event
does not move.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aggregators import (
    Aggregator,
    Duration,
    Elapsed,
    Ratio,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
    quantile,
)
from aggregators.functions import AnyFunction

__all__ = [
    "COUNT",
    "LATEST",
    "MEAN",
    "MEDIAN",
    "MIN",
    "P10",
    "P25",
    "P75",
    "P90",
    "STD",
    "DurationFeatures",
    "Statistic",
]


class Statistic(NamedTuple):
    """A function of durations, with its words."""

    function: AnyFunction
    word: str
    title: str
    unit: str = "s"


LATEST = Statistic("last", "latest", "Latest")
MIN = Statistic("min", "min", "Shortest")
MEAN = Statistic("mean", "mean", "Mean")
MEDIAN = Statistic("median", "median", "Median")
STD = Statistic("std", "std", "Spread (standard deviation)")
COUNT = Statistic("count", "count", "Number", unit="orders")
P10 = Statistic(quantile(0.1), "p10", "10% quantile of")
P25 = Statistic(quantile(0.25), "p25", "25% quantile of")
P75 = Statistic(quantile(0.75), "p75", "75% quantile of")
P90 = Statistic(quantile(0.9), "p90", "90% quantile of")


@dataclass(frozen=True, kw_only=True)
class DurationFeatures:
    """Makes the features of one duration for the samples of one dimension.

    Args:
        source: has the dimension and the target's events.
        target: the duration.
        dimension: what groups the samples (``"store_id"``).
        subject: what a group is called in names (``"store"``).
        what: the name of the duration in feature names (``"delivery_time"``).
        owner: the owner of the features.

    >>> orders = Source(
    ...     "orders", sample_id="id", events=("activated", "delivered"), dimensions=("city",)
    ... )
    >>> city = DurationFeatures(
    ...     source=orders,
    ...     target=Duration("activated", "delivered"),
    ...     dimension="city",
    ...     subject="city",
    ...     what="delivery_time",
    ...     owner="app",
    ... )
    >>> [feature.name for feature in city.last({20: (MEDIAN, P90)})]
    ['city_delivery_time_last_20_median', 'city_delivery_time_last_20_p90']
    """

    source: Source
    target: Duration
    dimension: str
    subject: str
    what: str
    owner: str

    @property
    def _title(self) -> str:
        return self.what.replace("_", " ")

    @property
    def _common(self) -> dict[str, Any]:
        return {"dimension": self.dimension, "owner": self.owner, "topic": self._title}

    def last(self, wanted: Mapping[int, tuple[Statistic, ...]]) -> Iterator[Aggregator]:
        """Yield statistics of the last n durations."""
        for n, statistics in wanted.items():
            for one in statistics:
                yield StatsLastNSamples(
                    self.source,
                    **self._common,
                    name=f"{self.subject}_{self.what}_last_{n}_{one.word}",
                    event=self.target.end,
                    n=n,
                    function=one.function,
                    attribute=self.target,
                    unit=one.unit,
                    description=f"{one.title} {self._title}, last {n} of the {self.subject}.",
                )

    def windows(self, wanted: Mapping[str, tuple[Statistic, ...]]) -> Iterator[Aggregator]:
        """Yield statistics of the durations that ended within a window."""
        for window, statistics in wanted.items():
            for one in statistics:
                yield StatsAfterEvent(
                    self.source,
                    **self._common,
                    name=f"{self.subject}_{self.what}_{window}_{one.word}",
                    event=self.target.end,
                    window=window,
                    function=one.function,
                    attribute=self.target,
                    unit=one.unit,
                    description=f"{one.title} {self._title}, those of the {self.subject} that ended"
                    f" within {window}.",
                )

    def last_per(
        self, column: str, word: str, wanted: Mapping[int, Statistic]
    ) -> Iterator[Aggregator]:
        """Yield statistics of the last n durations per unit of a column, which takes size out.

        Args:
            column: the divisor (``"distance_m"``); nothing is yielded where there is none.
            word: its unit in names (``"m"``).
            wanted: by n.
        """
        if column not in self.source.attributes:
            return
        for n, one in wanted.items():
            yield StatsLastNSamples(
                self.source,
                **self._common,
                name=f"{self.subject}_{self.what}_per_{word}_last_{n}_{one.word}",
                event=self.target.end,
                n=n,
                function=one.function,
                attribute=Ratio(self.target, column),
                unit=f"s/{word}",
                description=f"{one.title} {self._title} per {word}, last {n} of the {self.subject}:"
                " the size of each taken out.",
            )

    def begun(self, wanted: Mapping[str, tuple[Statistic, ...]]) -> Iterator[Aggregator]:
        """Yield statistics of the durations that began within a window and have ended."""
        for window, statistics in wanted.items():
            for one in statistics:
                yield StatsAfterEvent(
                    self.source,
                    **self._common,
                    name=f"{self.subject}_{self.what}_begun_{window}_{one.word}",
                    event=self.target.start,
                    window=window,
                    function=one.function,
                    attribute=self.target,
                    unit=one.unit,
                    description=f"{one.title} {self._title}, those of the {self.subject} that began"
                    f" within {window} and have ended: few and short where all is slow.",
                )

    def open(self, max_age: str) -> Iterator[Aggregator]:
        """Yield number and age of open samples, which show a jam before its durations are known.

        Args:
            max_age: the closing event of a sample that is open for longer counts as lost.
        """
        for one, attribute in (
            (COUNT, None),
            (MEAN, Elapsed(self.target.start)),
            (MEDIAN, Elapsed(self.target.start)),
            (P90, Elapsed(self.target.start)),
        ):
            yield StatsBetweenEvents(
                self.source,
                **self._common,
                name=f"{self.subject}_{self.what}_open_{one.word}",
                first_event=self.target.start,
                second_event=(self.target.end, *self._other_closing),
                max_age=max_age,
                function=one.function,
                attribute=attribute,
                unit=one.unit,
                description=f"{one.title} {'' if attribute is None else 'age '}of what began in the"
                f" {self.subject} and has not ended.",
            )

    @property
    def _other_closing(self) -> tuple[str, ...]:
        later = ("delivered", "cancelled")
        return tuple(e for e in later if e in self.source.events and e != self.target.end)
