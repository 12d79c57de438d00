"""Refuse the placeholder values of example manifests."""

from __future__ import annotations

from services.core.errors import SettingError

__all__ = ["PLACEHOLDER", "check_placeholder"]

PLACEHOLDER = "EXAMPLE"
"""The prefix of a placeholder (deploy/secrets.example.yaml)."""


def check_placeholder(text: str, what: str) -> None:
    """Raise if a value is a placeholder.

    Args:
        text: the value of a setting or file.
        what: the name of the setting, for the error.

    Raises:
        SettingError: it is a placeholder.

    >>> check_placeholder("redis://redis:6379", "DOORSTEP_STORE")
    >>> check_placeholder("EXAMPLE: redis://redis:6379", "DOORSTEP_STORE")
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: DOORSTEP_STORE is the placeholder of ...
    """
    if text.lstrip().startswith(PLACEHOLDER):
        raise SettingError(
            f"{what} is the placeholder of deploy/secrets.example.yaml; put in your own value"
        )
