"""Assemble the handlers of the callers from one model, its parts and one event store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime

import msgspec

from aggregators import __version__
from aggregators.stores import EventStore
from estimators.eta.model import EtaModel
from services.composition.composer import Composer
from services.composition.explainer import Explainer
from services.composition.opening import sources_of
from services.composition.order_book import OrderBook
from services.composition.parts import Parts
from services.core.clock import utc_now
from services.estimation.metrics import EstimateMetrics
from services.handlers.courier_arrival import CourierArrival
from services.handlers.courier_selection import CourierSelection
from services.handlers.display_metrics import DisplayMetrics
from services.handlers.display_policy import DisplayPolicy
from services.handlers.displayed_eta import DisplayedEta
from services.handlers.handler import Dependencies
from services.handlers.order_eta import OrderEta
from services.prediction_log.log import PredictionLog
from services.schemas.common import ModelInfo
from services.schemas.vocabulary import Vocabulary

__all__ = ["EtaHandlers", "info_of"]

_FINGERPRINT_DIGITS = 16


class EtaHandlers:
    """The four handlers of the ETA service.

    Args:
        model: composes.
        parts: answer its parts.
        event_store: knows the orders.
        tag: of the model.
        policy: how ranges are shown.
        metrics: count the estimates.
        log: takes them; None: they are not logged.
        threads: do what takes long, beside the event loop.
        readers: threads that wait for the store while orders are looked up.
        ranges: count what became of the ranges; by default those of the process.
        clock: gives the moment of a request that names none; injected in tests.
    """

    def __init__(
        self,
        model: EtaModel,
        parts: Parts,
        event_store: EventStore,
        *,
        tag: str,
        policy: DisplayPolicy,
        metrics: EstimateMetrics,
        log: PredictionLog | None,
        threads: Executor,
        readers: Executor | None = None,
        ranges: DisplayMetrics | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        sources = sources_of(model)
        facts = [estimator.facts for estimator in model.parts.values()]
        vocabulary = Vocabulary.of(facts, sources)
        book = OrderBook(
            event_store, sources[0], vocabulary, features=parts.shared, threads=readers
        )
        composer = Composer(model, parts, threads, metrics=metrics)
        self._composer = composer
        self.vocabulary = vocabulary
        self.order_events = sources[0].events
        needs = Dependencies(
            orders=book,
            composer=composer,
            metrics=metrics,
            model=info_of(model, tag),
            threads=threads,
            log=log,
            clock=clock,
        )
        self._explainer = Explainer(model, event_store)
        self.eta = OrderEta(needs, explain=self._explainer.explain)
        self.selection = CourierSelection(needs)
        self.arrival = CourierArrival(needs)
        self.displayed = DisplayedEta(
            needs, policy, ranges=DisplayMetrics.of_process() if ranges is None else ranges
        )

    def warm_up(self) -> None:
        """Run each handler once, so that the first request finds everything compiled."""
        self._composer.warm_up()
        self._explainer.warm_up()


def info_of(model: EtaModel, tag: str) -> ModelInfo:
    """Describe the composing model; its fingerprint is that of the parts it was fitted with."""
    parts = sorted(model.parts.items())
    versions = sorted({one.features.version for _, one in parts})
    fingerprints = {name: one.features.fingerprint for name, one in parts}
    content = msgspec.json.encode([sorted(model.tags.items()), sorted(fingerprints.items())])
    return ModelInfo(
        tag=tag,
        catalog_version=", ".join(versions),
        fingerprint=hashlib.sha256(content).hexdigest()[:_FINGERPRINT_DIGITS],
        aggregators_version=__version__,
    )
