"""Writes the blocking clients, which are generated from the asynchronous ones.

``make generate`` (``python -m tests.services.client.generation``) writes them, a test compares.
The method is that of httpcore: a list of substitutions, line by line, each of which must be used.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parent.parent.parent.parent / "services" / "client"
GENERATED = {
    "async_connection.py": "blocking_connection.py",
    "asynchronous.py": "blocking.py",
}
"""Source and what is generated from it."""

SUBSTITUTIONS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^import asyncio$", ""),
        (r"import asyncio, ", "import "),
        (r"\bAwaitable, ", ""),
        (r"\bAwaitable\[(\w+)\]", r"\1"),
        (r"\basyncio\.run\((.*)\)$", r"\1"),
        (r"\basyncio\.sleep\b", "time.sleep"),
        (r"\basync (?=def |with |for )", ""),
        (r"`async with`", "`with`"),
        (r"\bawait ", ""),
        (r"\b(_?)Async(?=[A-Z])", r"\1"),
        (r"\b__a(?=enter__|exit__)", "__"),
        (r"\baclose\b", "close"),
        (r"\bhandle_async_request\b", "handle_request"),
        (r"\breceive_async\b", "receive"),
        (r"\basync_connection\b", "blocking_connection"),
        (r"\basynchronous\b", "blocking"),
        (r"\bBelongs to one event loop\.", "Calls block; threads can share a client."),
        (
            r"^``make generate`` generates .*$",
            "``make generate`` generates this file: do not edit it.",
        ),
    )
]


def blocking_source(source: str, used: set[str] | None = None) -> str:
    """Return blocking code for asynchronous code.

    Args:
        source: asynchronous code.
        used: gets the patterns that were found in it.
    """
    lines = []
    for line in source.splitlines():
        changed = line
        for pattern, replacement in SUBSTITUTIONS:
            changed, found = pattern.subn(replacement, changed)
            if found and used is not None:
                used.add(pattern.pattern)
        lines.append(changed)
    return _formatted("\n".join(lines) + "\n")


def _formatted(code: str) -> str:
    """Return code with its imports in order and its lines as long as ruff makes them."""
    for arguments in (["check", "--fix-only", "--select", "I"], ["format"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--stdin-filename"]
        done = subprocess.run(
            [*command, str(CLIENT / "blocking.py"), "-"],
            input=code,
            capture_output=True,
            text=True,
            check=True,
        )
        code = done.stdout
    return code


def write() -> None:
    """Write every file that is generated."""
    for source, target in GENERATED.items():
        code = (CLIENT / source).read_text(encoding="utf-8")
        (CLIENT / target).write_text(blocking_source(code), encoding="utf-8")


if __name__ == "__main__":
    write()
