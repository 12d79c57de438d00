"""Adds checksums to models that were saved without them."""

from __future__ import annotations

from pathlib import Path

from estimators.registry import model_store
from estimators.registry import models as registry
from estimators.registry.model_files import ModelFiles, write_checksums

__all__ = ["seal"]


def seal(tag: str) -> dict[str, bool]:
    """Write checksums beside the files of a model that has none; also of the parts of an ETA.

    The model is loaded first: a model that cannot be loaded gets no checksums.

    Returns:
        For each full tag whether checksums were added; False: it had them, and they are right.

    Raises:
        RegistryError: there is no such model, it cannot be loaded, or a file of it is not what its
            checksum says.
    """
    model = model_store.find(tag)
    full, folder = str(model.tag), Path(model.path)
    saved = registry.read(full)
    if not saved.parts:
        registry.load(full)
    files = ModelFiles(folder, full, warn=False)
    files.check_all()
    if not files.is_sealed:
        write_checksums(folder)
    sealed = {full: not files.is_sealed}
    for part in saved.parts.values():
        sealed.update(seal(part))
    return sealed
