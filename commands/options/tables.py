"""Declare the options for reading a user's table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console.option_groups import OptionGroup

if TYPE_CHECKING:
    from aggregators import Source
    from commands.data.tables import TableFile

__all__ = ["TABLE_OPTIONS", "EncodingOption", "SourceOption", "TableChoice"]

SourceOption = Annotated[str, typer.Option(help="Source of the catalog that the table is of.")]
RenameOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Column of the file = name in the source, e.g. placed_at=activated; may be repeated.",
        show_default=False,
    ),
]
TimeZoneOption = Annotated[
    str | None,
    typer.Option(
        help="Clock from which times without an offset were read, e.g. Europe/Helsinki or UTC.",
        show_default=False,
    ),
]
IntegersOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Id or dimension that is an integer in a CSV file (text otherwise); may be repeated.",
        show_default=False,
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        help="How a CSV file is encoded, e.g. latin-1.  [default: recognised]", show_default=False
    ),
]
IncompleteOption = Annotated[
    bool,
    typer.Option(
        "--incomplete",
        help="Take a table of which no dimension is recognised, or a column that is needed only"
        " looks like one of the file.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class TableChoice:
    """How the options say that a table is read."""

    source: str
    rename: list[str] | None
    time_zone: str | None
    integers: list[str] | None
    encoding: str | None
    incomplete: bool

    @property
    def describes_columns(self) -> bool:
        """Whether an option is given that a mapping also contains."""
        return bool(self.rename or self.time_zone or self.integers)

    def file(self, path: Path, sources: tuple[Source, ...]) -> TableFile:
        """Return the table, whose columns are those of the source that was named.

        Raises:
            UserError: no such source or file, or columns that are not recognised.
        """
        from commands.data.catalog_sources import source_of_catalog
        from commands.data.column_recognition import check_recognised
        from commands.data.tables import TableFile, parse_renames

        file = TableFile(
            path=path,
            source=source_of_catalog(sources, self.source),
            renames=parse_renames(self.rename or []),
            time_zone=self.time_zone,
            integers=tuple(self.integers or ()),
            encoding=self.encoding,
        )
        if not self.incomplete:
            check_recognised(file)
        return file


TABLE_OPTIONS = OptionGroup(
    options={
        "source": (SourceOption, "orders"),
        "rename": (RenameOption, None),
        "time_zone": (TimeZoneOption, None),
        "integers": (IntegersOption, None),
        "encoding": (EncodingOption, None),
        "incomplete": (IncompleteOption, False),
    },
    build=TableChoice,
)
"""The options of a :class:`TableChoice`; see :mod:`commands.console.option_groups`."""
