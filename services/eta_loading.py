"""The model of an ETA with those of its parts that can be had; what is missing is tried again."""

from __future__ import annotations

import logging
from dataclasses import replace

from estimators import registry
from estimators.errors import EstimatorError
from estimators.eta import ETA_PARTS, EtaModel
from services.settings import PartSettings

__all__ = ["EtaLoader"]

logger = logging.getLogger("doorstep.services")


class EtaLoader:
    """Loads the composition of an ETA, and the parts that this process answers itself.

    Args:
        settings: say which parts other services answer; those of the environment by default.
    """

    def __init__(self, settings: PartSettings | None = None) -> None:
        self._settings = settings
        self._model: EtaModel | None = None
        self.tag = ""
        """Of the composition."""
        self.missing: tuple[str, ...] = ()
        """Parts of this process that could not be loaded."""

    @property
    def model(self) -> EtaModel:
        """The model, as far as it was loaded."""
        assert self._model is not None, "load comes first"
        return self._model

    def load(self, tag: str) -> bool:
        """Load what is not there yet; return whether anything was.

        Args:
            tag: of the composition in the model store.

        Raises:
            RegistryError: there is no such composition; or none of its parts, of which this process
                needs one at least: it says what the event store must keep.
            SettingError: a setting that cannot be.
        """
        if self._model is None:
            settings = self._settings or PartSettings.from_environment()
            far = {part for part, (url, _) in settings.addresses.items() if url}
            full = registry.resolve(tag, estimator=registry.ETA)
            bare = registry.load_eta(full, parts=())
            self.tag = full
            wanted = tuple(p for p in ETA_PARTS if p in bare.tags and p not in far)
        else:
            bare, wanted = self._model, self.missing
        loaded = dict(bare.parts)
        problem: EstimatorError | None = None
        for part in wanted:
            try:
                loaded[part] = registry.load(bare.tags[part]).estimator
            except EstimatorError as error:
                problem = error
                logger.error("no model of %s: %s", part, error)
        if problem is not None and not loaded:
            raise problem
        is_new = self._model is None or len(loaded) > len(bare.parts)
        self.missing = tuple(part for part in wanted if part not in loaded)
        self._model = replace(bare, parts=loaded)
        return is_new
