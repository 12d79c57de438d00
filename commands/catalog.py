"""`doorstep catalog`: list the named features, or explain one."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.output import UserError, console, progress, reports_errors

if TYPE_CHECKING:
    from aggregators.catalog import Catalog
    from aggregators.features.base import Aggregator

__all__ = ["catalog"]

WIDE_COLUMNS = 120
COSTS_DAYS = 14
COSTS_ORDERS = 20_000
"""The simulated cities on which costs are measured."""


@reports_errors
def catalog(
    name: Annotated[
        str | None, typer.Argument(help="Feature to explain; without it all are listed.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only features of this source.")] = None,
    dimension: Annotated[str | None, typer.Option(help="Only features of this dimension.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only features of this topic.")] = None,
    costs: Annotated[
        bool,
        typer.Option(
            "--costs",
            help="Measure, on simulated cities, what the features cost in training, and name those"
            " whose cost grows with their window.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """List the named features, or explain one: what it computes, where its bounds lie."""
    from aggregators.catalog import CATALOG

    if name is not None and costs:
        raise UserError("--costs measures many features together; leave out the name of one")
    if name is not None:
        feature = _find(CATALOG, name)
        if as_json:
            _print_json(_as_json(feature))
        else:
            _explain(feature)
        return
    filters = {"source": source, "dimension": dimension, "topic": topic}
    chosen = [f for f in CATALOG if all(_has(f, part, want) for part, want in filters.items())]
    if not chosen:
        raise UserError(_nothing_found(list(CATALOG), filters))
    if costs:
        _tell_costs(chosen, as_json=as_json)
    elif as_json:
        _print_json([_as_json(feature) for feature in chosen])
    else:
        _list(chosen, f"{CATALOG.name} catalog {CATALOG.version}")


def _find(catalog: Catalog, name: str) -> Aggregator:
    if name in catalog:
        return catalog[name]
    close = difflib.get_close_matches(name, catalog.names, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise UserError(f"unknown feature {name!r}; {hint}`doorstep catalog` lists them all")


def _part(feature: Aggregator, part: str) -> str:
    return feature.source.name if part == "source" else str(getattr(feature, part))


def _has(feature: Aggregator, part: str, want: str | None) -> bool:
    return want is None or _part(feature, part) == want


def _nothing_found(features: list[Aggregator], filters: dict[str, str | None]) -> str:
    for part, want in filters.items():
        known = sorted({_part(feature, part) for feature in features})
        if want is not None and want not in known:
            return f"no feature has the {part} {want!r}; known: {', '.join(known)}"
    return "no feature has all of these together"


def _list(features: list[Aggregator], title: str) -> None:
    from aggregators.functions import function_name
    from commands.console.plain_table import plain_table
    from commands.reports.feature_text import window_of

    # A narrow terminal still shows what a feature is; who owns it, `doorstep catalog NAME` tells.
    is_wide = console.width >= WIDE_COLUMNS
    table = plain_table()
    table.add_column("name", no_wrap=True)
    for heading in ("unit", *(("owner", "aggregator") if is_wide else ())):
        table.add_column(heading, no_wrap=True)
    for heading in ("function", "of which samples"):
        table.add_column(heading, overflow="fold")
    group = None
    for feature in features:
        if group != (group := (feature.source.name, feature.dimension)):
            table.add_row(f"[bold cyan]{feature.source.name} by {feature.dimension}")
        kind = type(feature).__name__.removeprefix("Stats")
        table.add_row(
            feature.name,
            feature.unit,
            *((feature.owner, kind) if is_wide else ()),
            function_name(feature.function),
            window_of(feature),
        )
    console.print(table)
    console.print(
        f"{len(features)} features, {title}. One of them in full: doorstep catalog NAME",
        highlight=False,
    )


def _tell_costs(features: list[Aggregator], *, as_json: bool) -> None:
    """Measure the features on simulated cities, asked when the courier of an order is assigned."""
    from commands.data.sources import dataset_of_cities
    from commands.reports.feature_costs import costs_as_json, print_costs, warn_of_costs
    from estimators.training.feature_costs import costs_of_features
    from simulator import Scenario

    scenario = Scenario(cities=2, days=COSTS_DAYS, orders=COSTS_ORDERS)
    with progress() as report:
        dataset = dataset_of_cities(scenario, lambda done: report("cities", done))
        report("costs of features", 0.0)
        found = costs_of_features(features, dataset, event="courier_assigned")
        report("costs of features", 1.0)
    if as_json:
        _print_json(costs_as_json(found))
    elif not found:
        console.print(
            f"none of the {len(features)} features is expensive: their cost does not grow with"
            " their window",
            highlight=False,
        )
    else:
        print_costs(found)
    warn_of_costs(found)


def _explain(feature: Aggregator) -> None:
    from rich.syntax import Syntax

    from aggregators.features.costs import why_expensive
    from commands.reports.feature_text import as_code, boundaries, definition_in_words

    console.print(f"[bold]{feature.name}[/]  ({feature.unit})", highlight=False)
    console.print(feature.description, highlight=False)
    console.print()
    console.print(definition_in_words(feature), highlight=False)
    for line in boundaries(feature):
        console.print(f"  • {line}", highlight=False, markup=False)
    console.print()
    facts = {
        "source": feature.source.name,
        "dimension": feature.dimension,
        "topic": feature.topic,
        "owner": feature.owner,
        "version": feature.version,
        "fingerprint": feature.fingerprint[:16],
    }
    if why := why_expensive(feature):
        facts["cost"] = f"grows with its window: {why} (doorstep catalog --costs)"
    for label, value in facts.items():
        console.print(f"{label:<12} {value}", highlight=False, markup=False)
    console.print()
    code = as_code(feature)
    if console.is_terminal:
        console.print(Syntax(code, "python", background_color="default", word_wrap=True))
    else:
        console.print(code, highlight=False, markup=False, soft_wrap=True)


def _as_json(feature: Aggregator) -> dict[str, Any]:
    from commands.reports.feature_text import boundaries, definition_in_words

    return {
        "name": feature.name,
        "unit": feature.unit,
        "owner": feature.owner,
        "topic": feature.topic,
        "version": feature.version,
        "description": feature.description,
        "in_words": definition_in_words(feature),
        "boundaries": boundaries(feature),
        "fingerprint": feature.fingerprint,
        "definition": feature.definition(),
    }


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
