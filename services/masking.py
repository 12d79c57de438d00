"""What is written or answered names no password and no place on the machine.

Only the standard library is imported: errors and logs of all packages come through here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

__all__ = ["MASK", "masked", "without_paths"]

MASK = "***"

# Up to the last @ of the word: a password that nobody encoded may have any character.
_CREDENTIALS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*:/{1,2})\S*@")
_SECRET_PARAMETERS = re.compile(
    r"(?i)([?&](?:password|passwd|pwd|username|user|token|secret|api_?key)=)[^&\s'\"]+"
)
_PATH = re.compile(r"(?<![\w.:/~*-])~?(?:/[^\s/'\",:;()\[\]]+)+/([^\s/'\",:;()\[\]]+)/?")
_LEAST_PATH = 3


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
        environment: settings that are paths are known as such; that of the process by default.

    >>> without_paths("cannot open the event store /var/lib/doorstep/events.db: no such file")
    'cannot open the event store events.db: no such file'
    >>> without_paths("there is no '/predct'; /docs.json has what there is")
    "there is no '/predct'; /docs.json has what there is"
    """
    if "/" not in text:
        return text
    given = os.environ if environment is None else environment
    paths = {value for value in given.values() if value.startswith("/") and ":" not in value}
    for path in sorted(paths, key=len, reverse=True):
        if len(path) >= _LEAST_PATH and path in text:
            text = text.replace(path, path.rstrip("/").rpartition("/")[2])
    return _PATH.sub(r"\1", text)
