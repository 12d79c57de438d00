"""What is written or answered names no password and no place on the machine.

Only the standard library is imported: errors and logs of all packages come through here.
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
"""What may follow a path that is known: what stands beside it, or below."""
_LEAST_PATH = 3
_SETTINGS = ("DOORSTEP_", "BENTOML_")


def masked(text: str) -> str:
    """Return a text without the user names and passwords of the addresses in it.

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
    """Return a text in which files and folders of the machine have their names alone.

    Args:
        text: for somebody elsewhere.
        environment: settings that are paths, relative ones of the services too, are known as such;
            that of the process by default.

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
    """Return the paths that settings name, the longest first; of relative ones the folders, too.

    Whatever is relative looks like other words with a slash, so only settings of the services say
    which are paths.
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
