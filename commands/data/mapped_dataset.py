"""Build a data set from a user's table and its mapping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from aggregators import AggregatorError, Source
from aggregators.times import NEVER, column_to_us, from_us
from commands.console.output import UserError
from commands.data.mapped_tables import MappedFile, Progress, table_path_of
from commands.data.mapping_file import MappingFile, read_mapping
from commands.data.units.conversions import unit_of_attribute
from estimators import Dataset, DatasetError, Question, seconds_between
from estimators.core.labels import LabelBounds

__all__ = ["mapped_dataset"]

CITY = "city"

QUESTIONS = (
    ("dispatched", "ready"),
    ("accepted", "ready"),
    ("activated", "delivered"),
    ("courier_assigned", "courier_at_store"),
    ("picked_up", "courier_at_customer"),
    ("courier_at_customer", "delivered"),
)
"""What estimators ask, by start and end; the first one whose events are there is the default."""


def mapped_dataset(
    path: Path,
    data: Path | None = None,
    *,
    latest: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Return the table that a mapping describes as a data set.

    Args:
        path: the YAML.
        data: the table, or the folder in which it lies under the name that the mapping gives;
            None: beside the mapping.
        latest: keep only so many rows, those whose first event is the latest; None: all.
        progress: called with the part of the table that is read.

    Raises:
        UserError: the mapping and the table do not fit; the message names line and field.
    """
    file = read_mapping(path)
    given = file.mapping
    table_path = table_path_of(file, given, "", data)
    main = MappedFile.of(file, given, "", given.source, table_path)
    source, table = main.source, main.read(progress, latest=latest)
    target, as_of = _question(file, source)
    others = {}
    for name, other_table in given.tables.items():
        field = f"tables.{name}."
        other_path = table_path_of(file, other_table, field, data)
        other = MappedFile.of(file, other_table, field, name, other_path)
        others[other.source] = other.read()
    timezone_by, timezones = _timezones(file, source, table)
    low, high = given.label_bounds_s or (None, None)
    numbers, categories = _facts(file, source, as_of)
    baseline = _baseline(file, numbers, target, as_of)
    try:
        return Dataset(
            name=given.name or table_path.name.partition(".")[0],
            source=source,
            table=table,
            as_of=as_of,
            target=seconds_between(*target),
            numbers=numbers,
            categories=categories,
            test_from=_test_from(file, table, as_of),
            timezone_by=timezone_by,
            timezones=timezones,
            label_bounds_s=(0.0 if low is None else low, float("inf") if high is None else high),
            others=others,
            questions=tuple(_questions(file, source, target, baseline)),
            censoring=_censoring(file, source),
            baseline=baseline,
        )
    except (AggregatorError, DatasetError) as error:
        raise UserError(f"{path.name}: {error}") from error


def _question(file: MappingFile, source: Source) -> tuple[tuple[str, str], str]:
    given = file.mapping
    possible = (one for one in QUESTIONS if set(one) <= set(source.events))
    target = given.target or next(possible, (source.events[0], source.events[-1]))
    for k, event in enumerate(target):
        file.check_name(f"target.{k}", event, source.events, "event of this mapping")
    if len(source.events) == 1:
        raise file.error("events", f"has only {target[0]!r}; a duration needs a second event")
    if target[0] == target[1]:
        raise file.error("target", f"from {target[0]!r} to itself there is no time to estimate")
    as_of = given.as_of or target[0]
    file.check_name("as_of", as_of, source.events, "event of this mapping")
    return target, as_of


def _questions(
    file: MappingFile, source: Source, target: tuple[str, str], baseline: str | None
) -> list[Question]:
    """Return the further questions, each with the facts that are known at its moment."""
    found = []
    for start, end in QUESTIONS:
        if {start, end} <= set(source.events):
            numbers, categories = _facts(file, source, start)
            found.append(
                Question(
                    target=seconds_between(start, end),
                    as_of=start,
                    numbers=numbers,
                    categories=categories,
                    baseline=baseline if target == (start, end) and baseline in numbers else None,
                )
            )
    return found


def _baseline(
    file: MappingFile, numbers: tuple[str, ...], target: tuple[str, str], as_of: str
) -> str | None:
    """Return the attribute to which the difference is learned; it must be known in seconds."""
    name = file.mapping.baseline
    if name is None:
        return None
    if file.mapping.target is None:
        raise file.error(
            "baseline",
            f"needs a target, whose time {name} states: target: [{target[0]}, {target[1]}]",
        )
    file.check_name("baseline", name, numbers, f"number that is known at {as_of!r}")
    if unit_of_attribute(name) != "s":
        raise file.error(
            "baseline",
            f"{name!r} does not say that it is in seconds; call the attribute {name}_s, with the"
            " unit of its column, such as {column: COLUMN, unit: minutes}",
        )
    return name


def _censoring(file: MappingFile, source: Source) -> LabelBounds | None:
    given = file.mapping.censoring
    if given is None:
        return None
    waits = [given.waits_from] if given.waits_from else []
    for field, names in (
        ("event", [given.event]), ("at_most", given.at_most), ("at_least", given.at_least),
        ("waits_from", waits),
    ):  # fmt: skip
        for name in names:
            file.check_name(f"censoring.{field}", name, source.events, "event of this mapping")
    try:
        return LabelBounds(
            event=given.event,
            at_least=tuple(given.at_least),
            at_most=tuple(given.at_most),
            waits_from=given.waits_from or "",
        )
    except DatasetError as error:
        raise file.error("censoring", str(error)) from error


def _facts(
    file: MappingFile, source: Source, as_of: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return numbers and categories that a request made at an event can carry."""
    found = []
    for field, columns in (("numbers", source.attributes), ("categories", source.dimensions)):
        given = getattr(file.mapping, field)
        for k, name in enumerate(given or ()):
            what = "attribute" if field == "numbers" else "dimension"
            file.check_name(f"{field}.{k}", name, columns, f"{what} of this mapping")
        moment = source.events.index(as_of)
        found.append(
            tuple(
                name
                for name in (columns if given is None else given)
                if source.events.index(source.known_from_event(name)) <= moment
            )
        )
    return found[0], found[1]


def _timezones(
    file: MappingFile, source: Source, table: pd.DataFrame
) -> tuple[str, Mapping[Any, str]]:
    given = file.mapping
    if given.timezone is None:
        if given.timezone_by is not None:
            raise file.error("timezone_by", "stands without timezone, which says the timezones")
        return "", {}
    early = [one for one in source.dimensions if source.known_from_event(one) == source.events[0]]
    by = given.timezone_by or (CITY if CITY in early else next(iter(early), None))
    if by is None:
        raise file.error(
            "timezone", "needs a dimension that requests carry, such as a city; there is none"
        )
    file.check_name("timezone_by", by, source.dimensions, "dimension of this mapping")
    values = table[by].dropna().unique().tolist()
    zones = given.timezone
    if isinstance(zones, str):
        _check_timezone(file, "timezone", zones)
        return by, dict.fromkeys(values, zones)
    for value, zone in zones.items():
        _check_timezone(file, f"timezone.{value}", zone)
        file.check_name(
            f"timezone.{value}", str(value), sorted(map(str, values)), f"value of {by!r}"
        )
    return by, {value: zones.get(value, zones.get(str(value), "")) for value in values
                if value in zones or str(value) in zones}  # fmt: skip


def _check_timezone(file: MappingFile, field: str, zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise file.error(
            field, f"{zone!r} is no timezone; expected an IANA name such as Europe/Madrid"
        ) from None


def _test_from(file: MappingFile, table: pd.DataFrame, as_of: str) -> pd.Timestamp:
    """Return the moment that the mapping names, or that leaves the named part to the test."""
    given = file.mapping.test_from
    text = str(given).strip()
    try:
        share = float(text[:-1]) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise file.error(
                "test_from",
                f"{given!r} is no moment and no part; expected one such as 2026-03-02,"
                " 2026-03-02T12:00+01:00, or 20%",
            ) from None
        return pd.Timestamp(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    if not 0.0 <= share < 1.0:
        raise file.error("test_from", f"{given!r} of the rows; expected less than 100%")
    asked_us = column_to_us(table[as_of], f"column {as_of!r}")
    asked_us = asked_us[asked_us != NEVER]
    if not len(asked_us):
        raise file.error("as_of", f"{as_of!r} never happened in the table; nothing can be asked")
    if share == 0.0:
        return pd.Timestamp(from_us(int(asked_us.max()) + 1))
    return pd.Timestamp(from_us(int(np.quantile(asked_us, 1.0 - share, method="higher"))))
