"""Settings of the ETA service, read from the environment once, at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from services.core.settings import EVENT_STORE_VARIABLE, MAX_CLOCK_SKEW_S, SKEW_VARIABLE, _seconds
from services.event_store.opening import IN_MEMORY
from services.handlers.display_settings import POLICY_VARIABLE

__all__ = ["ETA_MODEL_VARIABLE", "EtaSettings"]

ETA_MODEL_VARIABLE = "DOORSTEP_ETA_MODEL"


@dataclass(frozen=True, kw_only=True)
class EtaSettings:
    """Settings of the ETA service; :mod:`services.composition.parts` has where its parts are.

    Args:
        model: tag of the composition in the BentoML model store (``DOORSTEP_ETA_MODEL``).
        event_store: path of the SQLite file that keeps the events, the address of a Redis server,
            or ``memory`` (``DOORSTEP_STORE``). A store in memory starts empty.
        max_clock_skew_s: how far ahead of this machine's clock an event's time may be
            (``DOORSTEP_MAX_CLOCK_SKEW_S``).
        display_policy: how ranges are shown, as JSON or the path of a file with it
            (``DOORSTEP_DISPLAY_POLICY``).

    >>> EtaSettings.from_environment({"DOORSTEP_ETA_MODEL": "eta:good"}).model
    'eta:good'
    """

    model: str = "eta:latest"
    event_store: str = IN_MEMORY
    max_clock_skew_s: float = MAX_CLOCK_SKEW_S
    display_policy: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> EtaSettings:
        """Read the settings; what is not set, or empty, keeps its default.

        Raises:
            SettingError: a value that cannot be.
        """
        given = os.environ if environment is None else environment
        return cls(
            model=given.get(ETA_MODEL_VARIABLE) or cls.model,
            event_store=given.get(EVENT_STORE_VARIABLE) or cls.event_store,
            max_clock_skew_s=_seconds(given, SKEW_VARIABLE, cls.max_clock_skew_s),
            display_policy=given.get(POLICY_VARIABLE) or cls.display_policy,
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that say these settings."""
        return {
            ETA_MODEL_VARIABLE: self.model,
            EVENT_STORE_VARIABLE: self.event_store,
            SKEW_VARIABLE: str(self.max_clock_skew_s),
            POLICY_VARIABLE: self.display_policy,
        }
