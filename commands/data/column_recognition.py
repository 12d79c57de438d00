"""Check whether a table has the columns that a source needs, or only similar names."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from commands.console.output import UserError

if TYPE_CHECKING:
    from commands.data.tables import TableFile

__all__ = ["check_recognised"]

ALIKE = 0.75
"""Names that share so much are taken for two spellings of one; 1.0 are equal ones."""


def check_recognised(file: TableFile) -> None:
    """Raise :class:`UserError` where columns of a table would be ignored by mistake.

    That is so where no dimension is recognised, so that no feature could see the samples, and where
    a column that nobody recognises is called almost like one that is missing.
    """
    looks = dict(_look_alikes(file))
    dimensions = [name for name in file.source.dimensions if name in file.present]
    problems = []
    if file.source.dimensions and not dimensions:
        problems.append(f"has none of the dimensions {', '.join(file.source.dimensions)}")
    problems += [f"lacks {name} (is it {column!r}?)" for column, name in looks.items()]
    if not problems:
        return
    found = ", ".join(file.present)
    left = ", ".join(file.ignored) or "nothing"
    renames = " ".join(f"--rename {column}={name}" for column, name in looks.items())
    example = f"--rename COLUMN={file.source.dimensions[0]}" if file.source.dimensions else ""
    raise UserError(
        f"{file.path.name} {', '.join(problems)}. Recognised for {file.source.name}: {found};"
        f" not recognised: {left}. Say what is what with {renames or example}, or --mapping; with"
        " --incomplete it is taken as it is"
    )


def _look_alikes(file: TableFile) -> Iterator[tuple[str, str]]:
    """Yield unrecognised columns, each with the missing name that it resembles."""
    missing = set(file.absent)
    for column in file.ignored:
        plain = column.strip().lower().replace(" ", "_").replace("-", "_")
        near = get_close_matches(_without_endings(plain), sorted(missing), n=1, cutoff=ALIKE)
        near = [plain] if plain in missing else near
        if near:
            missing.discard(near[0])
            yield column, near[0]


def _without_endings(name: str) -> str:
    """Return a name without a suffix that only marks it as a time.

    >>> _without_endings("ready_at"), _without_endings("activated_time")
    ('ready', 'activated')
    """
    for ending in ("_at", "_time", "_timestamp", "_ts", "_date"):
        if name.endswith(ending) and len(name) > len(ending) + 2:
            return name.removesuffix(ending)
    return name
