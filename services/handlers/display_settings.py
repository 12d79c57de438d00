"""Read the display policy of a service, and the changes that a request may make to it.

The policy of a service is a small JSON object, in a file or in the setting itself; what it does not
say is as :class:`~services.handlers.display_policy.DisplayPolicy` has it. A request may change it
within bounds, so that no caller shows what the service cannot answer for.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import msgspec

from services.core.errors import InvalidRequest, SettingError
from services.core.settings.models import POLICY_VARIABLE
from services.handlers.display_policy import DisplayPolicy
from services.schemas.decoding import unknown_field
from services.schemas.displayed_eta import PolicyChanges

__all__ = ["BOUNDS", "changed_policy", "policy_from"]

BOUNDS = {
    "level": (0.5, 0.98),
    "lateness_cost": (0.1, 20.0),
    "step_s": (60.0, 900.0),
    "least_width_s": (60.0, 3_600.0),
    "greatest_width_s": (60.0, 7_200.0),
    "hysteresis_s": (0.0, 900.0),
}
"""Between which numbers a request may choose."""

_NAMES = tuple(one.name for one in fields(DisplayPolicy))


def policy_from(setting: str) -> DisplayPolicy:
    """Return the policy of a service.

    Args:
        setting: a JSON object, the path of a file with one, or empty: the default policy.

    Raises:
        SettingError: the file cannot be read, it is no JSON object of numbers, or no range can be
            so.

    >>> policy_from('{"level": 0.9}').level
    0.9
    >>> policy_from('{"levle": 0.9}')
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: DOORSTEP_DISPLAY_POLICY: levle: unknown field; did ...?
    """
    if not setting:
        return DisplayPolicy()
    text = setting
    if not setting.lstrip().startswith("{"):
        try:
            text = Path(setting).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{POLICY_VARIABLE}: {setting!r} cannot be read: {error}") from None
    try:
        given = msgspec.json.decode(text, type=dict[str, float])
    except msgspec.MsgspecError as error:
        raise SettingError(
            f"{POLICY_VARIABLE}: expected a JSON object of numbers: {error}"
        ) from None
    for name in given:
        if name not in _NAMES:
            raise SettingError(f"{POLICY_VARIABLE}: {unknown_field('', name, _NAMES)}")
    try:
        return DisplayPolicy(**given)
    except SettingError as error:
        raise SettingError(f"{POLICY_VARIABLE}: {error}") from None


def changed_policy(policy: DisplayPolicy, changes: PolicyChanges) -> DisplayPolicy:
    """Return the policy that a request wants.

    Raises:
        InvalidRequest: a number is out of its bounds, or no range can be so.

    >>> changed_policy(DisplayPolicy(), PolicyChanges(level=0.9)).level
    0.9
    >>> changed_policy(DisplayPolicy(), PolicyChanges(level=0.2))
    Traceback (most recent call last):
    ...
    services.core.errors.InvalidRequest: policy.level: is 0.2; expected a number from 0.5 to 0.98
    """
    wanted: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None
    }
    if not wanted:
        return policy
    for name, value in wanted.items():
        low, high = BOUNDS[name]
        if not low <= value <= high:
            raise InvalidRequest(
                f"is {value!r}; expected a number from {low:g} to {high:g}", field=f"policy.{name}"
            )
    try:
        return DisplayPolicy(**{**asdict(policy), **wanted})
    except SettingError as error:
        raise InvalidRequest(error.reason, field="policy") from None
