"""`doorstep simulate`: cities with known truth, as tables, as events, or live."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.output import StageProgress, UserError, console, progress, reports_errors
from commands.data.natures import chosen_nature
from commands.data.sources import SeedOption, parse_moment

if TYPE_CHECKING:
    from simulator import Imperfections, Scenario, Simulation
    from simulator.world.regimes import Regime

__all__ = ["simulate"]

EVENTS_SUFFIX = ".jsonl"
TABLE_SUFFIXES = (".parquet", ".csv")


def _option(help_text: str, **settings: Any) -> Any:
    """Return an option whose default stands in its help text."""
    return typer.Option(help=help_text, show_default=False, **settings)


OrdersOption = Annotated[
    int | None,
    _option("About so many orders over all cities.  [default: 42 a day for every store]", min=1),
]
DaysOption = Annotated[int, typer.Option(min=1, max=400, help="Days.")]
CitiesOption = Annotated[int, typer.Option(min=1, max=5, help="Cities.")]
StoresOption = Annotated[
    int | None,
    _option("Stores of each city.  [default: as many as the orders need]", min=4, max=5_000),
]
StartOption = Annotated[
    str | None,
    _option(
        "First moment, such as 2026-03-02.  [default: 2026-03-02; with --to so that the last day"
        " was yesterday]"
    ),
]
OutOption = Annotated[
    Path | None,
    _option(
        "A folder for all tables and the truth; or one file: orders as .parquet or .csv, events"
        " (CloudEvents, one per line, in the order of arrival) as .jsonl."
    ),
]
ToOption = Annotated[
    str | None, _option("Send the events to a service, such as http://127.0.0.1:3004.")
]
SpeedUpOption = Annotated[
    float,
    typer.Option(
        min=0.0, help="With --to: seconds of the city per second; 0 sends as fast as it goes."
    ),
]
SourceOption = Annotated[
    list[str] | None,
    _option(
        "Events of this source only; may be repeated.  [default: all in a file; with --to those"
        " that the catalog knows]"
    ),
]
TruthOption = Annotated[
    int,
    typer.Option(
        min=0,
        help="With --out FOLDER: also the true distributions of the parts of so many orders.",
    ),
]
ReportOption = Annotated[Path | None, _option("Write a page of plots to this .html file.")]
NatureOption = Annotated[
    str | None,
    _option(
        "How kitchens, demand and traffic are: lively, realistic, or a .yaml file that --fit wrote."
        "  [default: lively; with --fit, where the search begins, realistic]",
        metavar="NAME",
    ),
]
FitOption = Annotated[
    Path | None,
    _option(
        "Fit the nature to your own table instead: the YAML that says what its columns are"
        " (docs/own_data.md). --out FOLDER gets nature.yaml, moments.json and a page.",
        metavar="MAPPING",
    ),
]
FitDataOption = Annotated[
    Path | None, _option("With --fit: the table, or its folder.  [default: beside the mapping]")
]
ImperfectOption = Annotated[
    bool, typer.Option(help="Late, repeated, missing and corrected events, as they usually are.")
]
ImperfectionOption = Annotated[
    list[str] | None,
    _option(
        "One of them, such as ready_missing_share=0.2; may be repeated. docs/simulator.md has"
        " their names.",
        metavar="NAME=VALUE",
    ),
]
ShockOption = Annotated[
    int | None,
    _option("Day on which a shock begins: demand and times change within four days.", min=0),
]
RegimeOption = Annotated[
    list[str] | None,
    _option(
        "What changes from a day on, such as creep:from=7,percent=1; may be repeated."
        " docs/simulator.md has the kinds.",
        metavar="KIND:from=DAY,NAME=VALUE",
    ),
]
NewStoresOption = Annotated[
    float, typer.Option(min=0.0, max=0.9, help="Share of stores that open only later.")
]
SupplyOption = Annotated[
    float, typer.Option(min=0.3, max=3.0, help="Couriers, relative to an ordinary hour's need.")
]


@reports_errors
def simulate(
    orders: OrdersOption = None,
    days: DaysOption = 14,
    cities: CitiesOption = 2,
    stores: StoresOption = None,
    seed: SeedOption = 0,
    start: StartOption = None,
    out: OutOption = None,
    to: ToOption = None,
    speed_up: SpeedUpOption = 60.0,
    source: SourceOption = None,
    truth: TruthOption = 0,
    report: ReportOption = None,
    imperfect: ImperfectOption = False,
    imperfection: ImperfectionOption = None,
    shock_day: ShockOption = None,
    regime: RegimeOption = None,
    new_stores: NewStoresOption = 0.15,
    courier_supply: SupplyOption = 1.0,
    nature: NatureOption = None,
    fit: FitOption = None,
    data: FitDataOption = None,
    overwrite: Annotated[bool, typer.Option(help="Replace files that exist.")] = False,
) -> None:
    """Simulate cities: kitchens with queues, couriers in streets, weather, events, known truth.

    The same options give the same cities, event by event. Without --out, --to or --report it says
    what there would be.
    """
    _check_paths(out, report, overwrite=overwrite)
    if fit is not None:
        _fit(fit, data, nature or "realistic", seed, out, other=to or report or truth or source)
        return
    if data is not None:
        raise UserError("--data is the table that --fit is about: pass --fit MAPPING, too")
    if truth and (out is None or out.suffix):
        raise UserError("--truth is written into a folder: pass --out FOLDER")
    from simulator import Scenario, simulate_cities

    try:
        scenario = Scenario(
            cities=cities,
            days=days,
            orders=orders,
            stores_per_city=stores,
            seed=seed,
            new_store_share=new_stores,
            courier_supply=courier_supply,
            shock_day=shock_day,
            imperfections=_imperfections(imperfect, imperfection or []),
            regimes=tuple(_regime(text) for text in regime or []),
            nature=chosen_nature(nature or "lively"),
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    scenario = replace(scenario, start=_start(start, days, live=to is not None, default=scenario))
    with progress() as show:
        simulation = simulate_cities(scenario, show)
        if out is not None:
            _write(simulation, out, source, truth, show)
        if report is not None:
            from commands.reports.simulation_page import write_page

            write_page(simulation, report, show)
    _print_summary(simulation)
    if to is not None:
        from commands.simulation.stream import send_live

        send_live(simulation, to, speed_up=speed_up, sources=source)


def _fit(
    mapping: Path, data: Path | None, nature: str, seed: int, out: Path | None, *, other: object
) -> None:
    if out is None or out.suffix:
        raise UserError("--fit writes into a folder: pass --out FOLDER")
    if other:
        raise UserError("--fit writes no cities: leave out --to, --report, --truth and --source")
    from commands.simulation.fitting import fit_to_table, print_fit, write_fit

    with progress() as show:
        found = fit_to_table(mapping, data, chosen_nature(nature), seed, show)
    write_fit(found, out)
    print_fit(found, out)


def _check_paths(out: Path | None, report: Path | None, *, overwrite: bool) -> None:
    """Refuse paths that cannot be written before the simulation begins."""
    if report is not None and report.suffix != ".html":
        raise UserError(f"--report is {str(report)!r}; expected a file that ends in .html")
    if out is not None and out.suffix and out.suffix not in (*TABLE_SUFFIXES, EVENTS_SUFFIX):
        raise UserError(
            f"--out is {str(out)!r}; expected a folder, or a file that ends in .parquet, .csv or"
            " .jsonl"
        )
    for path in (out, report):
        if path is None:
            continue
        if not path.absolute().parent.is_dir():
            raise UserError(f"there is no folder {str(path.absolute().parent)!r}")
        if path.is_file() and not overwrite:
            raise UserError(
                f"there is a file {str(path)!r} already; pass --overwrite to replace it"
            )
        if path is out and path.is_dir() and any(path.iterdir()) and not overwrite:
            raise UserError(
                f"the folder {str(path)!r} is not empty; pass --overwrite to write there"
            )


def _imperfections(typical: bool, changes: list[str]) -> Imperfections:
    from simulator import Imperfections

    values = vars(Imperfections.typical() if typical else Imperfections()).copy()
    for change in changes:
        name, _, text = change.partition("=")
        if name not in values:
            raise UserError(
                f"--imperfection {change!r}: there is no {name!r}; expected one of"
                f" {', '.join(values)}"
            )
        try:
            values[name] = float(text)
        except ValueError:
            raise UserError(f"--imperfection {change!r}: {text!r} is not a number") from None
    return Imperfections(**values)


def _regime(text: str) -> Regime:
    from simulator.world.regimes import regime_of

    try:
        return regime_of(text)
    except ValueError as error:
        raise UserError(f"--regime {text!r}: {error}") from None


def _start(text: str | None, days: int, *, live: bool, default: Scenario) -> datetime:
    """Return the first moment; a service refuses events that have not happened yet."""
    if text is not None:
        return parse_moment(text, "--start")
    if not live:
        return default.start
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days + 1)


def _write(
    simulation: Simulation, out: Path, sources: list[str] | None, truth: int, show: StageProgress
) -> None:
    from commands.simulation.files import write_events, write_folder, write_table

    if out.suffix == EVENTS_SUFFIX:
        write_events(simulation, out, sources, show)
    elif out.suffix:
        write_table(simulation.tables["orders"], out, show)
    else:
        write_folder(simulation, out, truth, show)


def _print_summary(simulation: Simulation) -> None:
    orders = simulation.tables["orders"]
    minutes = (orders["delivered"] - orders["activated"]).dt.total_seconds() / 60.0
    scenario = simulation.scenario
    n_stores = sum(len(city.stores) for city in simulation.cities)
    n_couriers = sum(len(city.couriers) for city in simulation.cities)
    console.print(
        f"{len(orders):,} orders of {n_stores:,} stores and {n_couriers:,} couriers in"
        f" {', '.join(city.name for city in simulation.cities)}; days: {scenario.days}, from"
        f" {scenario.start:%Y-%m-%d}",
        highlight=False,
    )
    console.print(
        f"{orders['cancelled'].notna().mean():.1%} cancelled; delivered in {minutes.median():.0f}"
        f" minutes (median), nine in ten within {minutes.quantile(0.9):.0f}",
        highlight=False,
    )
