"""Says why a model cannot be used with the features of the installed ``aggregators``.

A major version of ``aggregators`` computes other values for the same events, so a model that
learned from the old ones must not get the new ones. The bento of the model keeps the old code and
goes on serving from the same event store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aggregators
from estimators.core.errors import DefinitionMismatchError
from estimators.registry.training_commands import command_that_retrains

__all__ = ["mismatch_in_words"]


def mismatch_in_words(tag: str, metadata: Mapping[str, Any], error: DefinitionMismatchError) -> str:
    """Return the message for a model whose features are defined differently now.

    Args:
        tag: of the model.
        metadata: that were saved with it.
        error: names the differences. After a new major version of ``aggregators`` there are too
            many to read; then the message has both versions and the command that trains it again.
    """
    trained, installed = str(metadata["aggregators_version"]), aggregators.__version__
    if _major(trained) == _major(installed):
        return f"{tag}: {error}"
    command = command_that_retrains(tag.partition(":")[0], metadata)
    return (
        f"{tag} was trained with aggregators {trained}; aggregators {installed} is installed and"
        f" computes some of its features differently. Train it again: `{command}`. Until then, the"
        " bento or the release that it was trained with serves it from the same event store"
    )


def _major(version: str) -> str:
    return version.partition(".")[0]
