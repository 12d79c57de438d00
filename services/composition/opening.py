"""Open the parts of an ETA: models of this process, and other services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from aggregators.events import Source
from aggregators.stores import EventStore
from estimators.eta.model import ETA_PARTS, EtaModel
from estimators.fallback.model import Fallback
from estimators.model.saved_sources import typed_sources
from estimators.quantiles.calibration import Scale
from services.composition.parts import Parts
from services.composition.remote_parts import remote_parts
from services.core.executor import AnswerExecutor
from services.core.settings.parts import PartSettings
from services.estimation.loading import common_sources, saved_fallback, saved_validator
from services.estimation.metrics import EstimateMetrics
from services.estimation.part_contract import PartContract
from services.estimation.row_model import RowModel
from services.estimation.served_model import PartModel
from services.estimation.shared_features import SharedFeatures

__all__ = ["expected_of", "open_parts", "sources_of"]

_LINEAR: Final = frozenset(("conditions",))
"""Parts whose seconds may be below 0."""


def sources_of(model: EtaModel) -> tuple[Source, ...]:
    """Return the sources that a store must keep for all parts of this process.

    Raises:
        SettingError: two parts declare one in two ways.
    """
    return tuple(
        common_sources(
            typed_sources(part.features.sources, part.facts.categories)
            for part in model.parts.values()
        )
    )


def open_parts(
    model: EtaModel,
    *,
    event_store: EventStore,
    settings: PartSettings | None = None,
    over_network: bool = False,
    served: Mapping[str, str] | None = None,
    metrics_of: Callable[[str], EstimateMetrics] = EstimateMetrics,
) -> Parts:
    """Return the parts of an ETA, each local or remote as set.

    Args:
        model: its parts are asked in this process, but for those that have an address.
        event_store: has the events for these; keeps all of :func:`sources_of`.
        settings: addresses of services; those of the environment by default.
        over_network: whether the store is reached over the network.
        served: full tags of the models of this process, by part; by default those of the model.
        metrics_of: makes what counts and times each part, from ``eta_`` and its name.

    Raises:
        SettingError: a setting that cannot be.
    """
    settings = PartSettings.from_environment() if settings is None else settings
    expected = expected_of(model)
    remote = remote_parts(settings, expected)
    metrics = {name: metrics_of(f"eta_{name}") for name in ETA_PARTS}
    local: dict[str, RowModel] = {}
    fallbacks: dict[str, Fallback] = {}
    for name in ETA_PARTS:
        tag = (served or {}).get(name) or model.tags.get(name, f"eta_{name}:latest")
        fallback = model.fallbacks.get(name) or saved_fallback(tag)
        if fallback is not None:
            fallbacks[name] = fallback
        if name in model.parts and name not in remote:
            part = PartModel(
                model.parts[name],
                tag=tag,
                metrics=metrics[name],
                fallback=fallback,
                validator=saved_validator(tag, model.parts[name].facts),
            )
            part.use_event_store(event_store)
            local[name] = part
    return Parts(
        local,
        remote,
        fallbacks=fallbacks,
        expected=expected,
        metrics=metrics,
        executor=AnswerExecutor(over_network=over_network),
        timeout_s=settings.timeout_ms / 1_000.0,
        shared=SharedFeatures({name: model.parts[name].features for name in local}, event_store),
    )


def expected_of(model: EtaModel) -> dict[str, PartContract]:
    """Return the contract of each part of an ETA."""
    expected: dict[str, PartContract] = {}
    for name in ETA_PARTS:
        scale: Scale = "linear" if name in _LINEAR else "log"
        expected[name] = PartContract(
            question=model.question(name), tag=model.tags.get(name, ""), scale=scale
        )
    return expected
