"""Reads the fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def blocks_of(page: str) -> list[Block]:
    """Every fenced block of the page, in order."""
    return [Block(language, text) for language, text in _FENCE.findall(page)]


def examples_of(page: str) -> list[tuple[str, str | None]]:
    """Python blocks, each with the text block that follows it directly: what it prints."""
    blocks = [*blocks_of(page), Block("", "")]
    return [
        (block.text, after.text if after.language == "text" else None)
        for block, after in pairwise(blocks)
        if block.language == "python"
    ]


def commands_of(page: str) -> list[str]:
    """The command lines of the shell blocks, without comments."""
    lines = [
        line.partition(" #")[0].strip()
        for block in blocks_of(page)
        if block.language in {"sh", "bash", "shell"}
        for line in block.text.splitlines()
    ]
    return [line for line in lines if line and not line.startswith("#")]
