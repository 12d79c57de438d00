"""Load the model of a tag, or its fallback where the model is not available."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aggregators.events import Source
from estimators.core.errors import EstimatorError
from estimators.fallback.model import Fallback
from estimators.features.facts import Facts
from estimators.monitoring.validation import Validator
from estimators.registry import models as registry
from services.core.errors import SettingError
from services.estimation.fallback import FallbackModel
from services.estimation.metrics import EstimateMetrics
from services.estimation.row_model import RowModel
from services.estimation.served_model import PartModel

__all__ = [
    "ModelMissing",
    "ServedPart",
    "common_sources",
    "load_fallback",
    "load_part",
    "saved_fallback",
    "saved_validator",
]

logger = logging.getLogger("doorstep.services")


class ModelMissing(Exception):
    """No model can answer; the message says why."""


class ServedPart:
    """One model of a service.

    Args:
        estimators: names of the estimators that it may be.
        ends: the event with which its target must end; empty: any.
    """

    def __init__(self, *estimators: str, ends: str = "") -> None:
        self.estimators = estimators
        self.ends = ends

    def problem(self, estimator: str, end: str) -> str:
        """Return why a model cannot be this one, empty where it can.

        >>> ServedPart("etp").problem("parking", "delivered")
        "is parking until 'delivered'; expected etp"
        """
        if estimator in self.estimators and self.ends in ("", end):
            return ""
        until = f" until {self.ends!r}" if self.ends else ""
        return f"is {estimator} until {end!r}; expected {' or '.join(self.estimators)}{until}"


def load_part(tag: str, part: ServedPart, *, metrics: EstimateMetrics) -> PartModel:
    """Load a model with everything that it needs to answer except the event store.

    Args:
        tag: of the model in the model store.
        part: what it must be.
        metrics: what is timed.

    Raises:
        ModelMissing: there is no such model, it cannot be read, or it is another estimator.
    """
    try:
        full_tag = registry.resolve(tag)
        trained = registry.load(full_tag)
    except (EstimatorError, OSError) as error:
        raise ModelMissing(str(error)) from error
    except Exception as error:  # a file may be damaged in ways that nobody has thought of
        raise ModelMissing(f"{tag} cannot be loaded: {type(error).__name__}: {error}") from error
    estimator = trained.estimator
    problem = part.problem(estimator.name, estimator.target.end)
    if problem:
        raise ModelMissing(f"{full_tag} {problem}")
    return PartModel(
        estimator,
        tag=full_tag,
        metrics=metrics,
        fallback=trained.fallback,
        validator=Validator.of(trained.reference, estimator.facts),
    )


def saved_fallback(tag: str) -> Fallback | None:
    """Return the saved fallback of a model; None where nothing was saved."""
    found = _loaded_fallback(tag)
    return None if found is None else found.fallback


def saved_validator(tag: str, facts: Facts) -> Validator | None:
    """Return the validator that clips facts to the range of a model's training."""
    try:
        return Validator.of(registry.load_reference(tag), facts)
    except Exception as error:  # without it, facts are taken as they are
        logger.error("what %s saw in training is not known: %s", tag, error)
        return None


def load_fallback(tag: str, *, why: str) -> RowModel | None:
    """Return the fallback of an unavailable model; None if there is none.

    Args:
        tag: of the model.
        why: what is the matter with it, as the notes say it.
    """
    found = _loaded_fallback(tag)
    return None if found is None else FallbackModel(found.fallback, tag=found.tag, why=why)


def _loaded_fallback(tag: str) -> registry.LoadedFallback | None:
    try:
        return registry.load_fallback(tag)
    except Exception as error:  # as of a model
        logger.error("nothing to fall back on for %s: %s", tag, error)
        return None


def common_sources(several: Iterable[Sequence[Source]]) -> list[Source]:
    """Return the sources of several models, each once.

    Raises:
        SettingError: one is declared in two ways.
    """
    common: dict[str, Source] = {}
    for sources in several:
        for source in sources:
            known = common.setdefault(source.name, source)
            if known != source or _disagree(known, source):
                raise SettingError(
                    f"the models declare source {source.name!r} in two ways; serve models that were"
                    " trained together"
                )
            types = {**known.types, **source.types}
            # A text that one of the models takes for a value stays one.
            missing = tuple(text for text in known.missing if text in source.missing)
            if types != known.types or missing != known.missing:
                common[source.name] = replace(known, types=types, missing=missing)
    return list(common.values())


def _disagree(first: Source, second: Source) -> bool:
    """Return whether two models have learned a dimension with different types."""
    return any(second.types.get(name, kind) is not kind for name, kind in first.types.items())
