"""Remove passwords and local paths from texts that are logged or answered.

The module imports the standard library alone, because errors and logs of all packages use it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import PurePath

__all__ = ["MASK", "masked", "without_paths"]

MASK = "***"

# Up to the last @ of the word: a password that nobody encoded may have any character.
_CREDENTIALS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*:/{1,2})\S*@")
_SECRET_PARAMETERS = re.compile(
    r"(?i)([?&](?:password|passwd|pwd|username|user|token|secret|api_?key)=)[^&\s'\"]+"
)
_NAME = r"[^\s/'\",:;()\[\]]+"
_START = r"(?<![\w.:/~*-])"
_PATH = re.compile(rf"{_START}~?(?:/{_NAME})+/({_NAME})/?")
_REST = rf"[^\s/'\",:;()\[\]]*(?:/{_NAME})*/?"
"""Matches the rest of a path after a known prefix: a suffix of the name, or what lies below."""
_LEAST_PATH = 3
_SETTINGS = ("DOORSTEP_", "BENTOML_")


def masked(text: str) -> str:
    """Return a text whose addresses have no user names and passwords.

    >>> masked("no answer from redis://:pa/ss@10.0.0.7:6379/0: timeout")
    'no answer from redis://***@10.0.0.7:6379/0: timeout'
    >>> masked("rediss://cache?password=secret&db=1")
    'rediss://cache?password=***&db=1'
    """
    if ":/" not in text and "=" not in text:
        return text
    text = _CREDENTIALS.sub(rf"\1{MASK}@", text)
    return _SECRET_PARAMETERS.sub(rf"\1{MASK}", text)


def without_paths(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a text in which local files and folders have their base names alone.

    Args:
        text: a message for a caller.
        environment: its settings say which relative words are paths; that of the process by
            default.

    >>> without_paths("cannot open the event store /var/lib/doorstep/events.db: no such file")
    'cannot open the event store events.db: no such file'
    >>> without_paths("there is no '/predct'; /docs.json has what there is")
    "there is no '/predct'; /docs.json has what there is"
    """
    if "/" not in text:
        return text
    given = os.environ if environment is None else environment
    for known in _known_paths(given):
        if known in text:
            text = re.sub(_START + re.escape(known) + _REST, _name_of, text)
    return _PATH.sub(r"\1", text)


def _known_paths(settings: Mapping[str, str]) -> list[str]:
    """Return the paths in the settings, the longest first; of relative ones the folders, too.

    A relative path looks like any word with a slash, so only the settings of the services say which
    words are paths.
    """
    paths: set[str] = set()
    for name, value in settings.items():
        if ":" in value or "/" not in value.rstrip("/"):
            continue
        if value.startswith("/"):
            paths.add(value.rstrip("/"))
        elif name.startswith(_SETTINGS):
            path = PurePath(value)
            paths |= {value.rstrip("/"), *(str(one) for one in (path, *path.parents))}
    return sorted((one for one in paths if "/" in one and len(one) >= _LEAST_PATH), key=len)[::-1]


def _name_of(found: re.Match[str]) -> str:
    return found[0].rstrip("/").rpartition("/")[2]
