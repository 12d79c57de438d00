"""Find a source of the catalog by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.console.output import UserError

if TYPE_CHECKING:
    from aggregators import Source

__all__ = ["source_of_catalog"]


def source_of_catalog(sources: tuple[Source, ...], name: str) -> Source:
    """Return the source of that name, or raise :class:`UserError`."""
    for source in sources:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in sources)
    raise UserError(f"the catalog has no source {name!r}; known: {known}")
