"""Who may ask a service, and which key a client sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from services.core.errors import SettingError
from services.core.placeholders import check_placeholder
from services.core.settings.variable import Settings, Variable

__all__ = [
    "ANONYMOUS_VARIABLE",
    "API_KEY_FILE_VARIABLE",
    "API_KEY_VARIABLE",
    "HOSTS_VARIABLE",
    "KEYS_FILE_VARIABLE",
    "KEYS_VARIABLE",
    "AccessSettings",
    "ClientSettings",
]

KEYS_FILE_VARIABLE = "DOORSTEP_API_KEYS_FILE"
KEYS_VARIABLE = "DOORSTEP_API_KEYS"
ANONYMOUS_VARIABLE = "DOORSTEP_ALLOW_ANONYMOUS"
HOSTS_VARIABLE = "DOORSTEP_ALLOWED_HOSTS"
API_KEY_VARIABLE = "DOORSTEP_API_KEY"
API_KEY_FILE_VARIABLE = "DOORSTEP_API_KEY_FILE"


@dataclass(frozen=True, kw_only=True)
class AccessSettings(Settings):
    """Names the API keys that a service knows, and whom it answers without one.

    >>> AccessSettings.from_environment({"DOORSTEP_ALLOW_ANONYMOUS": "1"}).anonymous
    True
    """

    api_keys_file: Annotated[
        str, Variable(KEYS_FILE_VARIABLE, "path of the file with the API keys")
    ] = ""
    api_keys: Annotated[str, Variable(KEYS_VARIABLE, "the API keys as JSON, instead of a file")] = (
        ""
    )
    allow_anonymous: Annotated[
        Literal["0", "1"],
        Variable(ANONYMOUS_VARIABLE, "`1`: a service without API keys answers everybody"),
    ] = "0"
    allowed_hosts: Annotated[
        str,
        Variable(
            HOSTS_VARIABLE,
            "more hosts, with or without ports and separated by commas, under which a service"
            " without API keys may be asked on a loopback address",
        ),
    ] = ""

    @property
    def anonymous(self) -> bool:
        """Whether a service without API keys answers everybody."""
        return self.allow_anonymous == "1"


@dataclass(frozen=True, kw_only=True)
class ClientSettings(Settings):
    """Names the API key that a client sends, also one inside a service."""

    services = ("eta", "clients")

    api_key: Annotated[
        str, Variable(API_KEY_VARIABLE, "API key that is sent to other services")
    ] = field(default="", repr=False)
    api_key_file: Annotated[
        str,
        Variable(
            API_KEY_FILE_VARIABLE,
            f"path of a file with that key, where `{API_KEY_VARIABLE}` is empty",
        ),
    ] = ""

    def key(self) -> str:
        """Return the key; empty where none is set.

        Raises:
            SettingError: the file cannot be read, or the key is a placeholder.
        """
        key = self.api_key
        if not key and self.api_key_file:
            try:
                key = Path(self.api_key_file).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                raise SettingError(
                    f"{API_KEY_FILE_VARIABLE}: {self.api_key_file} cannot be read: {error}"
                ) from None
        check_placeholder(key, "the API key for other services")
        return key
