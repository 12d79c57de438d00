"""Answer requests for features: resolve names, keys and the moment, and read the store once.

The module is independent of HTTP, so that tests need no server.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregators import FeatureSet
from aggregators.catalog import Catalog
from aggregators.errors import AggregatorError, StoreError
from aggregators.features.base import Aggregator
from aggregators.stores import EventStore
from aggregators.times import moment_to_us
from aggregators.typing import Key, SampleId
from services.core.clock import utc_now
from services.core.errors import InvalidRequest, Unavailable
from services.core.limits import MAX_EXPLAINED_SAMPLES
from services.schemas.common import Problem
from services.schemas.decoding import decode, unknown_field
from services.schemas.features import (
    CatalogInfo,
    ExplainAnswer,
    ExplainedSample,
    ExplainRequest,
    FeatureRow,
    FeatureRowAnswer,
    FeaturesAnswer,
    FeaturesBatchAnswer,
    FeaturesBatchRequest,
    FeaturesRequest,
    FeatureValues,
    Observation,
)
from services.schemas.request_times import moment_of

__all__ = ["FeatureLookup"]

logger = logging.getLogger("doorstep.services")

_KEPT_SETS = 256
"""Compiled feature sets in the cache: callers repeat the same few requests."""


class FeatureLookup:
    """Answers requests for the features of a catalog from one event store.

    Args:
        event_store: keeps the events.
        catalog: the available features; the store keeps their sources.
        clock: gives the moment of a request without ``as_of``; injected in tests.
    """

    def __init__(
        self,
        event_store: EventStore,
        catalog: Catalog,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._event_store = event_store
        self._catalog = catalog
        self._clock = clock
        self._topics = catalog.by_topic()
        self._by_name = {feature.name: feature for feature in catalog}
        self._dimensions = tuple(catalog.by_dimension())
        self._sources_of = {
            name: [source for source in catalog.sources if name in source.dimensions]
            for name in self._dimensions
        }
        self._main_source = catalog.sources[0].name
        self._set_of = functools.lru_cache(maxsize=_KEPT_SETS)(self._make_set)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions of the keys."""
        return self._dimensions

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the available features."""
        return tuple(self._by_name)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the available features."""
        return tuple(self._topics)

    def warm_up(self) -> None:
        """Compute every feature once, so that the first request is quick."""
        row: dict[str, Any] = {"keys": dict.fromkeys(self._dimensions), "sample_id": None}
        self.answer(FeaturesRequest(**row), request_id="")
        self.answer(FeaturesRequest(**row, event_times=False), request_id="")

    def answer(self, request: FeaturesRequest, *, request_id: str) -> FeaturesAnswer:
        """Answer one request.

        Raises:
            InvalidRequest: a name or key that the catalog does not have, or a value of the wrong
                type.
            Unavailable: the store cannot be read now.
        """
        features, info = self._set_of(self._names(request, request.keys))
        values = self._row(features, request, event_times=request.event_times)
        return FeaturesAnswer(
            request_id=request_id,
            catalog=info,
            as_of=values.as_of,
            keys=values.keys,
            sample_id=values.sample_id,
            features=values.features,
            rests_on=values.rests_on,
        )

    def answer_batch(
        self, request: FeaturesBatchRequest, *, request_id: str
    ) -> FeaturesBatchAnswer:
        """Answer many rows. A row that cannot be answered has a problem; the others are answered.

        Raises:
            Unavailable: the store cannot be read now.
        """
        answers = [FeatureRowAnswer(row=i) for i in range(len(request.rows))]
        by_names: dict[tuple[str, ...], list[tuple[int, FeatureRow]]] = {}
        for i, raw in enumerate(request.rows):
            with _problems_into(answers[i], request_id):
                row = decode(raw, FeatureRow)
                by_names.setdefault(self._names(request, row.keys), []).append((i, row))
        for names, rows in by_names.items():
            self._answer_rows(names, rows, answers, request, request_id)
        names = next(iter(by_names)) if len(by_names) == 1 else self._catalog.names
        return FeaturesBatchAnswer(
            request_id=request_id,
            catalog=self._set_of(names)[1],
            refused=sum(answer.problem is not None for answer in answers),
            rows=answers,
        )

    def explain(self, request: ExplainRequest, *, request_id: str) -> ExplainAnswer:
        """Explain the value of a feature. Raises the errors of :meth:`answer`."""
        feature = self._feature(request.feature, "feature")
        self._check_keys(request.keys, (feature,))
        as_of = self._moment(request)
        own = self._own(request, (feature.source.name,))
        key = self._key(feature.dimension, request.keys[feature.dimension])
        with self._event_store_errors(as_of):
            explanation = feature.explain(
                self._event_store,
                as_of=as_of,
                key=key,
                sample_id=own.get(feature.source.name),
            )
            why = None if request.why is None else explanation.why(request.why)
        return ExplainAnswer(
            request_id=request_id,
            catalog=self._set_of((feature.name,))[1],
            feature=feature.name,
            unit=feature.unit,
            definition=feature.description,
            as_of=as_of,
            key=key,
            value=explanation.value,
            n_samples=len(explanation.samples),
            samples=[
                ExplainedSample(
                    sample_id=sample.sample_id, event_time=sample.event_time, value=sample.value
                )
                for sample in explanation.samples[-MAX_EXPLAINED_SAMPLES:]
            ],
            why=why,
        )

    def takes(self, dimension: str, key: Key) -> bool:
        """Return whether the store's values of a dimension have the type of this value.

        A store without values accepts any type.
        """
        feature = next(f for f in self._catalog if f.dimension == dimension)
        return self._accepts(feature, key=key, own=None)

    def takes_sample(self, sample_id: SampleId) -> bool:
        """Return whether the sample ids of the catalog's first source have the type of this id."""
        feature = next(f for f in self._catalog if f.source.name == self._main_source)
        return self._accepts(feature, key=None, own=sample_id)

    def _accepts(self, feature: Aggregator, *, key: Key, own: SampleId | None) -> bool:
        features, _info = self._set_of((feature.name,))
        try:
            with self._event_store_errors(None):
                features.transform_array(
                    self._event_store,
                    as_of=self._clock(),
                    keys={feature.dimension: key},
                    sample_id=own,
                )
        except InvalidRequest:
            return False
        return True

    def _answer_rows(
        self,
        names: tuple[str, ...],
        rows: list[tuple[int, FeatureRow]],
        answers: list[FeatureRowAnswer],
        request: FeaturesBatchRequest,
        request_id: str,
    ) -> None:
        """Answer rows of the same features: with one read if all of them are valid."""
        features, _info = self._set_of(names)
        if not request.event_times:
            with contextlib.suppress(InvalidRequest):
                for (i, _row), values in zip(rows, self._many(features, rows), strict=True):
                    answers[i].answer = values
                return
        for i, row in rows:
            with _problems_into(answers[i], request_id):
                answers[i].answer = self._row(features, row, event_times=request.event_times)

    def _many(
        self, features: FeatureSet, rows: list[tuple[int, FeatureRow]]
    ) -> Iterator[FeatureValues]:
        asked = [row for _i, row in rows]
        sources = tuple(source.name for source in features.sources)
        moments = [self._moment(row) for row in asked]
        own = [self._own(row, sources) for row in asked]
        with self._event_store_errors(min(moments)):
            table = features.transform_many(
                self._event_store,
                as_of=moments,
                keys={
                    name: [self._key(name, row.keys[name]) for row in asked]
                    for name in features.dimensions
                },
                sample_id={name: [ids.get(name) for ids in own] for name in sources},
            )
        for row, as_of, values in zip(asked, moments, table.tolist(), strict=True):
            yield _values(row, as_of, dict(zip(features.names, values, strict=True)))

    def _row(self, features: FeatureSet, row: FeatureRow, *, event_times: bool) -> FeatureValues:
        as_of = self._moment(row)
        sources = tuple(source.name for source in features.sources)
        question: dict[str, Any] = {
            "as_of": as_of,
            "keys": {name: self._key(name, row.keys[name]) for name in features.dimensions},
            "sample_id": self._own(row, sources),
        }
        with self._event_store_errors(as_of):
            if not event_times:
                array = features.transform_array(self._event_store, **question)
                return _values(row, as_of, dict(zip(features.names, array.tolist(), strict=True)))
            observed = features.observe(self._event_store, **question)
        values = _values(row, as_of, {one.name: one.value for one in observed})
        values.rests_on = {
            one.name: Observation(
                n_samples=one.n_samples,
                first_event_time=one.first_event_time,
                last_event_time=one.last_event_time,
            )
            for one in observed
        }
        return values

    def _make_set(self, names: tuple[str, ...]) -> tuple[FeatureSet, CatalogInfo]:
        catalog = self._catalog
        features = FeatureSet([self._by_name[n] for n in names], catalog.name, catalog.version)
        info = CatalogInfo(
            name=catalog.name, version=catalog.version, fingerprint=features.fingerprint
        )
        return features, info

    def _names(
        self, request: FeaturesRequest | FeaturesBatchRequest, keys: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Return the names of the requested features; the keys must allow all of them."""
        if request.features and request.topic is not None:
            raise InvalidRequest(
                "names a topic beside features; expected one of both", field="topic"
            )
        if request.features:
            named = [self._feature(n, f"features[{i}]") for i, n in enumerate(request.features)]
            self._check_keys(keys, named)
            return tuple(dict.fromkeys(request.features))
        features: Sequence[Aggregator] = self._catalog.features
        if request.topic is not None:
            if request.topic not in self._topics:
                raise _unknown("topic", request.topic, self._topics)
            features = self._topics[request.topic]
        self._check_keys(keys, ())
        names = tuple(feature.name for feature in features if feature.dimension in keys)
        if not names:
            wanted = sorted({feature.dimension for feature in features})
            raise InvalidRequest(
                f"allow no feature; expected a value for one of {', '.join(wanted)}", field="keys"
            )
        return names

    def _feature(self, name: str, field: str) -> Aggregator:
        if name not in self._by_name:
            raise _unknown(field, name, self._by_name)
        return self._by_name[name]

    def _check_keys(self, keys: Mapping[str, Any], features: Sequence[Aggregator]) -> None:
        for name in keys:
            if name not in self._dimensions:
                raise unknown_field("keys", name, self._dimensions)
        for feature in features:
            if feature.dimension not in keys:
                raise InvalidRequest(
                    f"missing; {feature.name} needs it (null where it is not known)",
                    field=f"keys.{feature.dimension}",
                )

    def _key(self, dimension: str, key: Key) -> Key:
        """Return a key, None for a text that stands for no value in every source that has it."""
        sources = self._sources_of.get(dimension, ())
        return None if sources and all(one.is_missing(key) for one in sources) else key

    def _moment(self, row: FeatureRow) -> datetime:
        return moment_of(row.as_of, self._clock)

    @contextlib.contextmanager
    def _event_store_errors(self, as_of: datetime | None) -> Iterator[None]:
        """Convert errors of the engine to errors of the service, with the field."""
        try:
            yield
        except (StoreError, sqlite3.Error, OSError) as error:
            logger.error("the event store cannot be read: %s", error)
            raise Unavailable("the event store cannot be read now; ask again") from error
        except AggregatorError as error:
            field = "keys" if as_of is None or not self._is_compacted(as_of) else "as_of"
            raise InvalidRequest(str(error), field=field) from None

    def _is_compacted(self, as_of: datetime) -> bool:
        """Return whether a moment lies before the compaction of the store."""
        moments = [self._event_store.compacted_until(source) for source in self._catalog.sources]
        as_of_us = moment_to_us(as_of, "as_of")
        return any(moment is not None and as_of_us < moment for moment in moments)

    def _own(self, row: FeatureRow, sources: tuple[str, ...]) -> dict[str, Any]:
        """Return the sample ids of a row, by source."""
        own = row.sample_id
        if own is None:
            return {}
        if not isinstance(own, dict):
            source = sources[0] if len(sources) == 1 else self._main_source
            return {source: own} if source in sources else {}
        for name in own:
            if name not in self._event_store.sources:
                raise unknown_field("sample_id", name, self._event_store.sources)
        return {name: value for name, value in own.items() if name in sources}


def _values(row: FeatureRow, as_of: datetime, values: dict[str, Any]) -> FeatureValues:
    """Return the values of a row. The encoder writes NaN as null."""
    return FeatureValues(as_of=as_of, keys=row.keys, sample_id=row.sample_id, features=values)


def _unknown(field: str, name: str, known: Mapping[str, object]) -> InvalidRequest:
    hint = unknown_field("", name, known).reason.partition("; ")[2]
    return InvalidRequest(f"{name!r} is unknown; {hint}", field=field)


@contextlib.contextmanager
def _problems_into(answer: FeatureRowAnswer, request_id: str) -> Iterator[None]:
    """Record an invalid request as the problem of one row; a store that is down fails all rows."""
    try:
        yield
    except InvalidRequest as error:
        answer.problem = Problem(
            error=error.error, field=error.field, reason=error.reason, request_id=request_id
        )
