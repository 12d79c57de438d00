"""List all settings, and write them as the tables of the documentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.core.settings.access import AccessSettings, ClientSettings
from services.core.settings.events import EventSettings, IntakeSettings
from services.core.settings.logs import LogSettings, PredictionLogSettings
from services.core.settings.models import (
    CourierTravelSettings,
    EtaSettings,
    EtpSettings,
    WallEtaSettings,
)
from services.core.settings.parts import PartSettings
from services.core.settings.transport import TransportSettings
from services.core.settings.variable import ALL_SERVICES, Declared, Settings, declared

__all__ = ["GROUPS", "Setting", "settings_of", "table_of"]

GROUPS: dict[str, tuple[type[Settings], ...]] = {
    "access": (AccessSettings,),
    "logs": (LogSettings, PredictionLogSettings),
    "connections": (TransportSettings,),
    "events": (IntakeSettings,),
    "services": (
        EventSettings,
        EtpSettings,
        CourierTravelSettings,
        WallEtaSettings,
        EtaSettings,
        PartSettings,
    ),
    "clients": (ClientSettings,),
}
"""Topic -> its settings; together they are all that there are."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Holds one row of the table.

    Args:
        declared: the field.
        services: names of the services that read it.
    """

    declared: Declared
    services: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the row, as Markdown."""
        one = self.declared
        default = f"{one.default:.15g}" if isinstance(one.default, float) else str(one.default)
        whose = "all" if set(self.services) == set(ALL_SERVICES) else ", ".join(self.services)
        expected = one.expected()
        return (
            f"`{one.variable.name}`",
            f"`{default}`" if default else "",
            "" if expected == "text" else expected,
            f"`{one.variable.option}`" if one.variable.option else "",
            whose,
            one.variable.meaning,
        )


HEAD = ("environment variable", "default", "value", "`doorstep serve`", "service", "meaning")


def settings_of(kinds: Iterable[type[Settings]]) -> list[Setting]:
    """Return the settings of classes; one that several of them declare is one row.

    >>> [one.declared.variable.name for one in settings_of([LogSettings])]
    ['DOORSTEP_LOG_FORMAT', 'DOORSTEP_LOG_SAMPLE', 'DOORSTEP_LOG_SLOW_MS']
    """
    found: dict[str, Setting] = {}
    for kind in kinds:
        for one in declared(kind):
            known = found.get(one.variable.name)
            services = kind.services if known is None else (*known.services, *kind.services)
            found[one.variable.name] = Setting(one, services)
    return list(found.values())


def table_of(kinds: Iterable[type[Settings]]) -> str:
    """Return the settings of classes as a Markdown table.

    A column that is empty is left out, and so is that of the services where all settings that not
    every service has are those of one.

    >>> print(table_of([LogSettings]).splitlines()[0])
    | environment variable | default | value | service | meaning |
    """
    kinds = list(kinds)
    rows = [one.cells() for one in settings_of(kinds)]
    special = {kind.services for kind in kinds if kind.services != ALL_SERVICES}
    one_service = len(special) == 1 and len(min(special)) == 1
    used = [
        i
        for i, name in enumerate(HEAD)
        if any(row[i] for row in rows) and not (name == "service" and one_service)
    ]
    head, *lines = ([row[i] for i in used] for row in (HEAD, *rows))
    return "\n".join([_line(head), "|---" * len(used) + "|", *map(_line, lines)]) + "\n"


def _line(cells: list[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
