"""Explain an ETA as JSON: its parts, their reasons, and counterfactuals."""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from aggregators.stores import EventStore
from estimators.eta.counterfactuals import ask_eta
from estimators.eta.explanation import explain_eta, prepare_explanations
from estimators.eta.model import EtaModel
from services.composition.composer import Composition
from services.composition.order_book import KnownOrder
from services.estimation.loading import saved_validator
from services.schemas.eta import EtaReasons

__all__ = ["Explainer"]

logger = logging.getLogger("doorstep.services")


class Explainer:
    """Explains ETAs of one model over one event store.

    It asks the parts of this process once more, about the same moment; the seconds are those of the
    answer. Takes a few milliseconds; the first time more, unless :meth:`warm_up` came before.

    Args:
        model: composed the ETAs.
        event_store: has the events.
    """

    def __init__(self, model: EtaModel, event_store: EventStore) -> None:
        self._model = model
        self._event_store = event_store
        found = {
            part: saved_validator(model.tags[part], estimator.facts)
            for part, estimator in model.parts.items()
            if part in model.tags
        }
        self._validators = {part: one for part, one in found.items() if one is not None}

    def warm_up(self) -> None:
        """Lay out the paths of all trees, so that the first explanation is quick."""
        try:
            prepare_explanations(self._model)
        except Exception:  # estimates do not need it
            logger.exception("ETAs of this model cannot be explained")

    def explain(self, order: KnownOrder, composition: Composition, as_of: datetime) -> EtaReasons:
        """Return the explanation of one order's ETA, composed as of a moment."""
        asked = ask_eta(
            self._model,
            self._event_store,
            as_of=as_of,
            facts=order.facts,
            sample_id=order.sample_id,
            happened_us=order.happened_us,
            validators=self._validators,
        )
        told_s = {name: float(seconds[0]) for name, seconds in composition.expected_s.items()}
        explained = explain_eta(asked, expected_s=told_s).to_json()
        return msgspec.convert(explained, EtaReasons)
