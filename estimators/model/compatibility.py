"""Compares the features that a model was trained on with those of the installed code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["differences"]

ABSENT = "nothing"


def differences(
    saved: Sequence[Mapping[str, Any]], installed: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return the differences of definitions (``FeatureSet.definition()``) in words; none: equal.

    Args:
        saved: with the model.
        installed: of the same features, as the code defines them now; a feature that it does not
            have is left out.

    >>> differences(
    ...     [{"name": "last_mean", "n": 5, "function": "mean"}],
    ...     [{"name": "last_mean", "n": 10, "function": "mean"}],
    ... )
    ['last_mean: n was 5, is 10']
    >>> differences([{"name": "last_mean"}], [])
    ['last_mean: is not defined any more']
    """
    now = {definition["name"]: definition for definition in installed}
    found: list[str] = []
    for definition in saved:
        name = definition["name"]
        if name not in now:
            found.append(f"{name}: is not defined any more")
            continue
        before, after = _canonical(definition), _canonical(now[name])
        found += [
            f"{name}: {part} was {_text(before, part)}, is {_text(after, part)}"
            for part in sorted({*before, *after})
            if before.get(part, ABSENT) != after.get(part, ABSENT)
        ]
    return found


def _canonical(definition: Mapping[str, Any]) -> dict[str, Any]:
    """As it comes back from JSON: tuples are lists, keys are strings."""
    read: dict[str, Any] = json.loads(json.dumps(definition))
    return read


def _text(definition: Mapping[str, Any], part: str) -> str:
    return json.dumps(definition[part], sort_keys=True) if part in definition else ABSENT
