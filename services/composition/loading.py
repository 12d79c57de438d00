"""Load the model of an ETA and its available parts; retry the missing ones."""

from __future__ import annotations

import logging
from dataclasses import replace

from estimators.core.errors import EstimatorError
from estimators.eta.model import ETA_PARTS, EtaModel
from estimators.eta.part_question import PartQuestion
from estimators.model.base import Estimator
from estimators.registry import models as registry
from services.core.settings.parts import PartSettings

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
        self.missing: dict[str, str] = {}
        """Parts of this process that could not be loaded, and why."""
        self.served: dict[str, str] = {}
        """Full tags of the parts that were loaded."""

    @property
    def model(self) -> EtaModel:
        """The model with the parts that have been loaded."""
        assert self._model is not None, "load comes first"
        return self._model

    def load(self, tag: str) -> bool:
        """Load the missing parts; return whether any was loaded.

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
            bare, wanted = self._model, tuple(self.missing)
        loaded = dict(bare.parts)
        problem: EstimatorError | None = None
        missing: dict[str, str] = {}
        for part in wanted:
            try:
                loaded[part] = self._part(bare, part)
            except EstimatorError as error:
                problem, missing[part] = error, str(error)
                if self.missing.get(part) != missing[part]:
                    logger.error("no model of %s: %s", part, error)
        if problem is not None and not loaded:
            raise problem
        is_new = self._model is None or len(loaded) > len(bare.parts)
        self.missing = missing
        self._model = replace(bare, parts=loaded)
        return is_new

    def _part(self, bare: EtaModel, part: str) -> Estimator:
        """Load the model of a part, which must answer what the ETA asks of it."""
        full = registry.resolve(bare.tags[part])
        estimator = registry.load(full).estimator
        problem = bare.question(part).problem_of(PartQuestion.of(estimator))
        if problem:
            raise EstimatorError(f"{full} does not fit: {problem}")
        self.served[part] = full
        return estimator
