"""Settings of the services, read from the environment once, at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["EtpSettings"]

MODEL_VARIABLE = "DOORSTEP_ETP_MODEL"
STORE_VARIABLE = "DOORSTEP_STORE"
IN_MEMORY = "memory"


@dataclass(frozen=True, kw_only=True)
class EtpSettings:
    """What the eTP service can be told.

    Args:
        model: tag of the model in the BentoML model store (``DOORSTEP_ETP_MODEL``).
        store: path of the SQLite file that keeps the events, or ``memory``
            (``DOORSTEP_STORE``). A store in memory starts empty.

    >>> EtpSettings.from_environment({"DOORSTEP_STORE": "/var/lib/doorstep/events.db"}).store
    '/var/lib/doorstep/events.db'
    """

    model: str = "etp:latest"
    store: str = IN_MEMORY

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> EtpSettings:
        """Read the settings; what is not set, or empty, keeps its default."""
        given = os.environ if environment is None else environment
        return cls(
            model=given.get(MODEL_VARIABLE) or cls.model,
            store=given.get(STORE_VARIABLE) or cls.store,
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that say these settings."""
        return {MODEL_VARIABLE: self.model, STORE_VARIABLE: self.store}
