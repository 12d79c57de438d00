"""The values of example manifests, which are there for their shape and which no service takes."""

from __future__ import annotations

from services.core.errors import SettingError

__all__ = ["PLACEHOLDER", "check_placeholder"]

PLACEHOLDER = "EXAMPLE"
"""How each of them begins (deploy/secrets.example.yaml)."""


def check_placeholder(text: str, what: str) -> None:
    """Refuse the value of an example.

    Args:
        text: of a setting or file.
        what: it is, for the error.

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
