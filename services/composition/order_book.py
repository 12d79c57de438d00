"""Look up orders as of a moment in the event store, and add the facts of the request.

An order's facts and the times of its events come from both; what the request says counts more. The
event store is asked once, for all orders of a request.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress
from typing import Any, TypeVar

import numpy as np

from aggregators.errors import AggregatorError, StoreError
from aggregators.events import Source
from aggregators.stores import EventStore
from aggregators.stores.reading import Sample
from aggregators.times import NEVER
from aggregators.typing import SampleId
from estimators.core.stages import (
    LIFE,
    OPEN_STAGES,
    elapsed_name,
    happened_by,
    is_elapsed,
    stage_of,
)
from services.core.context import current_request, in_thread
from services.core.errors import InvalidRequest, UnknownOrder
from services.core.limits import PART_TIMEOUT_S, STALE_ORDER_S
from services.estimation.shared_features import RowGroups, SharedFeatures
from services.schemas.decoding import unknown_field
from services.schemas.request_times import us_of
from services.schemas.vocabulary import Vocabulary

__all__ = ["KnownOrder", "OrderBook", "elapsed_columns_of"]

logger = logging.getLogger("doorstep.services")

T = TypeVar("T")

NOT_READ = "what the event store knows of the order is missing: it cannot be read now"
NOT_RECORDED = "the event store has no event of the order: it counts as not placed"

_ELAPSED = {event: elapsed_name(event) for event in LIFE if is_elapsed(elapsed_name(event))}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOrder:
    """An order as it is known at a moment.

    Args:
        order_id: its id, None where it does not exist yet.
        facts: values by column; what is not known is not there, or None.
        happened_us: times of what has happened, microseconds UTC.
        stage: one of ``estimators.core.stages.STAGES``.
        is_recorded: whether the event store has anything of it.
        notes: what could not be found out.
        stale: why nothing can be estimated: it has not ended, but its last event is too long ago;
            empty: it is not.
        sample_id: under which the event store has it, None where it has it not.
    """

    order_id: SampleId | None
    facts: dict[str, Any]
    happened_us: dict[str, int]
    stage: str
    is_recorded: bool
    notes: list[str] = field(default_factory=list)
    stale: str = ""
    sample_id: SampleId | None = None


def elapsed_columns_of(
    happened_us: Sequence[Mapping[str, int]], as_of_us: int
) -> dict[str, list[float | None]]:
    """Return all elapsed facts of orders, one value per order; None: it has not happened.

    Args:
        happened_us: times of what has happened, all before ``as_of_us``.
        as_of_us: the moment, microseconds UTC.

    >>> columns = elapsed_columns_of([{"activated": 0}, {}], 90_500_000)
    >>> columns["since_activated_s"], columns["since_ready_s"]
    ([90.5, None], [None, None])
    """
    return {
        name: [(as_of_us - past[event]) / 1e6 if event in past else None for past in happened_us]
        for event, name in _ELAPSED.items()
    }


class OrderBook:
    """Looks up orders in the event store, with the features that models need.

    Args:
        event_store: where their events are.
        source: of the orders.
        vocabulary: what can be said of them.
        features: reads features in the same round trip; None: there are no models of this process.
        threads: wait for the store, which may be in another machine, or locked by whoever reads it
            for many features; None: it is asked at once.
    """

    def __init__(
        self,
        event_store: EventStore,
        source: Source,
        vocabulary: Vocabulary,
        *,
        features: SharedFeatures | None = None,
        threads: Executor | None = None,
    ) -> None:
        self._event_store = event_store
        self._source = source
        self._features = features
        self._threads = threads
        self.vocabulary = vocabulary
        columns = (*source.dimensions, *source.facts, *source.attributes)
        self._known_from = {name: source.known_from_event(name) for name in columns}

    async def find(
        self,
        ids: Sequence[SampleId | None],
        as_of_us: int,
        look: Callable[[Sequence[Sample | None] | None], tuple[T, RowGroups]],
        parts: Collection[str] = (),
    ) -> tuple[T, RowGroups]:
        """Look orders up, and read the features of the rows that they make, in one round trip.

        Others are not kept waiting. The store has half of the time that the request has left, and
        no more than a part of an estimate: the rest is for the estimate itself.

        Args:
            ids: of the orders, None of one that does not exist yet.
            as_of_us: the moment.
            look: makes of what the store has of the orders (None of all: it cannot be read now)
                what is known, and the rows to ask about. It is called more than once, in any
                thread, and changes nothing.
            parts: that will be asked about the rows.

        Returns:
            What ``look`` made, and the rows with their features, as far as these could be read:
            the models of others try by themselves, and say what is wrong.
        """
        is_new = len(ids) == 1 and ids[0] is None  # one order, of which nobody has to be asked
        if self._threads is None or (is_new and not self._reads(parts)):
            return self._look_up(ids, as_of_us, look, parts)
        request = current_request()
        left_s = PART_TIMEOUT_S
        if request is not None:
            left_s = min(left_s, request.remaining_s() / 2.0)
        try:
            async with asyncio.timeout(left_s):
                return await in_thread(self._threads, self._look_up, ids, as_of_us, look, parts)
        except TimeoutError:
            logger.error("orders cannot be looked up: no answer after %.3f s", left_s)
            return look(None)

    async def with_features(self, groups: RowGroups, parts: Collection[str]) -> RowGroups:
        """Return rows with the features of the parts that will be asked about them, if possible."""
        if self._features is None or not self._reads(parts):
            return groups
        try:
            if self._threads is None:
                return self._features.read(parts, groups)
            return await in_thread(self._threads, self._features.read, parts, groups)
        except (AggregatorError, sqlite3.Error, OSError):
            return groups

    def _reads(self, parts: Collection[str]) -> bool:
        return self._features is not None and self._features.has(parts)

    def _look_up(
        self,
        ids: Sequence[SampleId | None],
        as_of_us: int,
        look: Callable[[Sequence[Sample | None] | None], tuple[T, RowGroups]],
        parts: Collection[str],
    ) -> tuple[T, RowGroups]:
        wanted = [one for one in ids if one is not None]

        def look_at(found: Sequence[Sample | None]) -> tuple[T, RowGroups]:
            samples = iter(found)
            return look([None if one is None else next(samples) for one in ids])

        try:
            if self._features is not None and self._features.has(parts):
                try:
                    return self._features.read_with_orders(
                        parts, self._source, wanted, look_at, as_of_us
                    )
                except StoreError:
                    raise
                except AggregatorError:  # features of one row at least cannot be asked for
                    pass
            return look_at(self._samples(wanted))
        except (StoreError, sqlite3.Error, OSError) as error:
            logger.error("orders cannot be looked up: %s", error)
            return look(None)

    def known(
        self,
        order_id: SampleId | None,
        sample: Sample | None,
        facts: Mapping[str, Any],
        happened: Mapping[str, datetime | None],
        as_of_us: int,
        *,
        was_read: bool = True,
    ) -> KnownOrder:
        """Return one order as it is known at a moment.

        Args:
            order_id: its id.
            sample: what the event store has of it.
            facts: what the request says, checked; None says nothing.
            happened: times of events that the request gives; None: has not happened.
            as_of_us: the moment. An event has happened iff its time is before it.
            was_read: whether the event store could be read.

        Raises:
            InvalidRequest: an event that no order has, or a time out of range.
            UnknownOrder: the event store has no event of the order, and nothing is said of it.
        """
        facts = self.vocabulary.given(facts)
        is_said = any(value is not None for value in facts.values()) or bool(happened)
        if order_id is not None and sample is None and was_read and not is_said:
            raise UnknownOrder(order_id)
        times = {} if sample is None else self._times(sample)
        for event, moment in happened.items():
            if event not in self._source.events:
                raise unknown_field("happened", event, self._source.events)
            times[event] = NEVER if moment is None else us_of(moment, f"happened.{event}")
        has_happened = happened_by(np.array(list(times.values()), dtype=np.int64), as_of_us)
        past = {name: times[name] for name in compress(times, has_happened)}
        notes: list[str] = []
        known = {} if sample is None else self._facts(sample, past, notes)
        known.update({name: value for name, value in facts.items() if value is not None})
        if order_id is not None and sample is None and not happened:
            notes.append(NOT_RECORDED if was_read else NOT_READ)
        return KnownOrder(
            order_id=order_id,
            facts=known,
            happened_us=past,
            stage=stage_of(past),
            is_recorded=sample is not None,
            notes=notes,
            stale=_stale(past, as_of_us),
            # Of an unknown order nothing has to be left out; its id may not even be one.
            sample_id=None if sample is None and was_read else order_id,
        )

    def _samples(self, ids: Sequence[SampleId]) -> list[Sample | None]:
        try:
            return self._event_store.samples(self._source, ids)
        except StoreError:
            raise
        except AggregatorError:  # an id that no order can have; the others are looked up alone
            return [self._sample(one) for one in ids]

    def _sample(self, order_id: SampleId) -> Sample | None:
        try:
            return self._event_store.sample(self._source, order_id)
        except StoreError:
            raise
        except AggregatorError:
            return None

    def _times(self, sample: Sample) -> dict[str, int]:
        times = sample.times[:, 0].tolist()
        return dict(zip(self._source.events, times, strict=True))

    def _facts(self, sample: Sample, past: Mapping[str, int], notes: list[str]) -> dict[str, Any]:
        """Return the columns known by now; impossible values are noted and left out."""
        values: dict[str, Any] = {**sample.keys, **sample.facts}
        numbers = sample.columns[:, 0].tolist()
        values.update(zip(self._source.attributes, numbers, strict=True))
        known = {
            name: value
            for name, value in values.items()
            if value is not None
            and not (isinstance(value, float) and math.isnan(value))
            and self._known_from[name] in past
        }
        for name in [name for name in known if name in self.vocabulary.names]:
            try:
                self.vocabulary.check_value(name, known[name], "order")
            except InvalidRequest as error:  # any fact can be recorded
                notes.append(_unusable(name, known.pop(name), error))
        return known


def _stale(past: dict[str, int], as_of_us: int) -> str:
    """Return why an order cannot be estimated; empty where it can."""
    if not past or stage_of(past) not in OPEN_STAGES:
        return ""
    last = max(reversed(past), key=past.__getitem__)  # of several at once the one that comes last
    ago_s = (as_of_us - past[last]) / 1e6
    if ago_s <= STALE_ORDER_S:
        return ""
    return (
        f"the order is stale: its last event, {last}, was {ago_s / 86_400.0:.1f} days ago, and it"
        " was neither delivered nor cancelled; send how it ended"
    )


def _unusable(name: str, value: object, error: InvalidRequest) -> str:
    """Return the note on a recorded fact that estimators cannot take."""
    if error.reason.startswith("is "):  # it says what the value is
        return f"{name} in the event store {error.reason}: it counts as missing"
    what = "is no number" if isinstance(value, str) else "cannot be"
    return f"{name} is {value!r} in the event store, which {what}: it counts as missing"
