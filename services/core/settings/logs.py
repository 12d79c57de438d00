"""What a service logs: requests, and every estimate that it served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from services.core.settings.variable import FINITE, Settings, Variable

__all__ = ["LogSettings", "PredictionLogSettings"]


@dataclass(frozen=True, kw_only=True)
class LogSettings(Settings):
    """Chooses which requests are logged, and how.

    >>> LogSettings.from_environment({"DOORSTEP_LOG_SAMPLE": "0.5"}).sample
    0.5
    """

    format: Annotated[
        Literal["json", "text"],
        Variable(
            "DOORSTEP_LOG_FORMAT", "`text`: BentoML's own format, which has failed requests alone"
        ),
    ] = "json"
    sample: Annotated[
        float,
        Meta(ge=0.0, le=1.0),
        Variable("DOORSTEP_LOG_SAMPLE", "share of the requests that are logged"),
    ] = 0.01
    slow_ms: Annotated[
        float,
        Meta(ge=0.0),
        Variable(
            "DOORSTEP_LOG_SLOW_MS", "a request that took this long is always logged", unit="ms"
        ),
    ] = 500.0


@dataclass(frozen=True, kw_only=True)
class PredictionLogSettings(Settings):
    """Chooses where served estimates are logged; an empty folder logs none.

    >>> PredictionLogSettings.from_environment(
    ...     {"DOORSTEP_PREDICTION_LOG": "/var/log/etp"}
    ... ).folder
    '/var/log/etp'
    """

    services = ("etp", "courier_travel", "wall_eta", "eta")

    folder: Annotated[
        str,
        Variable(
            "DOORSTEP_PREDICTION_LOG", "folder of the prediction log; empty: nothing is logged"
        ),
    ] = ""
    max_mb: Annotated[
        float,
        Meta(gt=0.0, le=FINITE),
        Variable(
            "DOORSTEP_PREDICTION_LOG_MAX_MB",
            "size of the log beyond which its oldest parts are deleted",
            unit="MB",
        ),
    ] = 1024.0
    part_s: Annotated[
        float,
        Meta(gt=0.0, le=FINITE),
        Variable(
            "DOORSTEP_PREDICTION_LOG_PART_S",
            "time after which waiting estimates are written, however few they are",
            unit="s",
        ),
    ] = 60.0
