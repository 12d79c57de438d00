"""`doorstep check-equivalence`: training and what is served give the same bits, on your data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console.json_output import JsonOption, print_json
from commands.console.option_groups import with_options
from commands.console.output import (
    StageProgress,
    UserError,
    error_console,
    progress,
    reports_errors,
)
from commands.data.sources import DaysOption, SeedOption, StoresOption
from commands.options.data import MappingOption
from commands.options.tables import TABLE_OPTIONS, TableChoice

if TYPE_CHECKING:
    from aggregators import EventStore
    from aggregators.parity.equivalence import Answers
    from aggregators.parity.history import HistoryDifference
    from commands.equivalence.page import StoreComparison
    from commands.equivalence.replayed_data import ReplayedTables
    from estimators.datasets import Dataset

__all__ = ["check_equivalence"]

SYNTHETIC = "synthetic"
MEMORY, SQLITE = "memory", "sqlite"
SERVICE_TIMEOUT_S = 60.0
"""Longest wait for a batch, on a machine that does other things as well."""


CompactOption = Annotated[
    str | None,
    typer.Option(
        help="Compact the store once a day, keeping samples to which something happened within"
        " this time, such as 4d; nothing may happen to a sample after a longer pause.",
        show_default=False,
    ),
]


LOG_LINES = 40
"""So much of a service's log is shown where it refuses what it is sent."""


class ReplayedName(StrEnum):
    """Data sets that can be replayed."""

    DELIVEROO = "deliveroo"
    WOLT = "wolt"
    JUMPMAN = "jumpman"
    SIMULATOR = "simulator"


@dataclass(frozen=True, kw_only=True)
class _Options:
    """How it is checked; see the options of the command."""

    store: str
    through_service: bool
    lateness: str
    seed: int
    max_queries: int | None
    compact: str | None


def _check_equivalence(
    columns: TableChoice,
    data: Annotated[
        str,
        typer.Option(
            envvar="DOORSTEP_DATA",
            help="Folder with the public data sets, your own table (CSV or Parquet), or synthetic.",
        ),
    ] = SYNTHETIC,
    dataset: Annotated[
        list[ReplayedName] | None,
        typer.Option(help="Only this data set; may be repeated.", show_default=False),
    ] = None,
    store: Annotated[
        str, typer.Option(help="memory, sqlite (a temporary file) or redis://host:port/0.")
    ] = MEMORY,
    through_service: Annotated[
        bool, typer.Option(help="Send events to an event service over HTTP, and ask it.")
    ] = False,
    lateness: Annotated[
        str, typer.Option(help="Events arrive at most so long after they happened.")
    ] = "10min",
    seed: SeedOption = 0,
    max_rows: Annotated[
        int | None, typer.Option(min=1, help="Replay only so many samples, the earliest ones.")
    ] = None,
    max_queries: Annotated[
        int | None, typer.Option(min=1, help="Ask only so many rows, drawn at random.")
    ] = None,
    compact: CompactOption = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for equivalence.json and equivalence.html.")
    ] = None,
    stores: StoresOption = 40,
    days: DaysOption = 14,
    mapping: MappingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay tables as events, and compare every feature with training, bit for bit.

    The events arrive late and out of order, some twice, some wrong at first and then corrected or
    taken back. Each sample is asked at every event of its life, when later events are in the store
    as well. Ends with 1 if a single value differs.
    """
    from commands.equivalence.page import as_document, print_checked, write_report

    if compact is not None and through_service:
        raise UserError("--compact is for stores; a service compacts by its own settings")
    if report is not None and report.exists() and not report.is_dir():
        raise UserError(f"--report is {str(report)!r}, which is a file; expected a folder")
    options = _Options(
        store=store,
        through_service=through_service,
        lateness=lateness,
        seed=seed,
        max_queries=max_queries,
        compact=compact,
    )
    with progress() as show:
        show("data", 0.0)
        if mapping is not None:
            found = [_mapped_table(mapping, data, show)]
        else:
            found = _find(data, dataset or [], stores=stores, days=days, seed=seed) or [
                _own_table(Path(data), columns)
            ]
        show("data", 1.0)
    chosen = [one if max_rows is None else one.first(max_rows) for one in found]
    checked = [_check(one, options) for one in chosen]
    print_json(as_document(checked)) if as_json else print_checked(checked)
    if report is not None:
        write_report(checked, report)
        error_console.print(f"wrote {report / 'equivalence.html'}", highlight=False)
    if any(not one.is_equal for one in checked):
        raise typer.Exit(1)


check_equivalence = reports_errors(with_options(_check_equivalence, columns=TABLE_OPTIONS))


def _find(
    data: str, names: Sequence[ReplayedName], *, stores: int, days: int, seed: int
) -> list[ReplayedTables]:
    """Return the data sets that were asked for; none if ``data`` is somebody's own table."""
    from commands.equivalence.replayed_data import replayed_dataset
    from estimators.datasets import load_dataset

    folder = Path(data)
    if names and not (data == SYNTHETIC or folder.is_dir()):
        raise UserError(f"--data is {data!r}; --dataset goes with a folder or with synthetic")
    if data == SYNTHETIC:
        names = list(names) or [ReplayedName.SIMULATOR]
        real = [name.value for name in names if name is not ReplayedName.SIMULATOR]
        if real:
            raise UserError(f"the data set {real[0]} needs its folder: pass --data FOLDER")
    elif not folder.is_dir():
        return []
    if not names:
        return [replayed_dataset(dataset) for dataset in _in_folder(folder)]
    datasets = []
    for name in dict.fromkeys(names):
        if name is ReplayedName.SIMULATOR:
            from commands.data.sources import simulated_dataset
            from simulator import CityPlan

            datasets.append(simulated_dataset(CityPlan(stores=stores, days=days, seed=seed)))
        else:
            datasets.append(load_dataset(name.value, folder))
    return [replayed_dataset(dataset) for dataset in datasets]


def _in_folder(folder: Path) -> list[Dataset]:
    """Return the public data sets in a folder; the folder itself may be one."""
    from estimators.core.errors import DatasetError
    from estimators.datasets import DATASETS, load_dataset

    found = []
    for name in DATASETS:
        try:
            found.append(load_dataset(name, folder))
        except DatasetError as error:
            if "no file" not in str(error):
                raise
    if not found:
        raise UserError(
            f"there is no public data set in {str(folder)!r}; known: {', '.join(DATASETS)}"
        )
    return found


def _mapped_table(mapping: Path, data: str, show: StageProgress) -> ReplayedTables:
    from commands.data.mapped_dataset import mapped_dataset
    from commands.equivalence.replayed_data import replayed_mapping

    path = None if data == SYNTHETIC else Path(data)
    return replayed_mapping(mapped_dataset(mapping, path, progress=lambda part: show("data", part)))


def _own_table(path: Path, columns: TableChoice) -> ReplayedTables:
    from aggregators.catalog import CATALOG
    from commands.equivalence.replayed_data import replayed_file

    return replayed_file(columns.file(path, CATALOG.sources))


def _check(replayed: ReplayedTables, options: _Options) -> StoreComparison:
    import aggregators
    from aggregators.parity.equivalence import StoreAnswers
    from commands.equivalence.page import StoreComparison

    began_s = perf_counter()
    with ExitStack() as stack:
        where = stack.enter_context(_store_address(options.store))
        opened: EventStore | None = None
        asked: StoreAnswers | None = None
        if options.through_service:
            answers: Answers = stack.enter_context(_service(replayed, where))
        else:
            opened = stack.enter_context(_open(where, replayed))
            reader = stack.enter_context(_reader(where, replayed, opened))
            answers = asked = StoreAnswers(opened, replayed.features, options.compact, reader)
        report = stack.enter_context(progress())
        result = aggregators.check_equivalence(
            replayed.features,
            replayed.tables,
            as_of=replayed.events,
            answers=answers,
            lateness=options.lateness,
            max_queries=options.max_queries,
            seed=options.seed,
            progress=lambda done, total: report(replayed.name, done / max(total, 1)),
        )
        histories = {}
        if opened is not None and options.compact is None:
            histories = _histories(opened, replayed)
    return StoreComparison(
        name=replayed.name,
        store=_shown(options.store),
        through_service=options.through_service,
        features=replayed.features,
        samples=replayed.samples,
        lateness=options.lateness,
        asked_at=replayed.events,
        result=result,
        histories=histories,
        dropped=asked.dropped if asked is not None and options.compact else None,
        duration_s=perf_counter() - began_s,
    )


def _histories(store: EventStore, replayed: ReplayedTables) -> dict[str, HistoryDifference]:
    from aggregators.parity.history import compare_history

    return {
        source.name: compare_history(store, source, replayed.tables[source.name])
        for source in replayed.features.sources
    }


def _shown(store: str) -> str:
    """Return what the report says of the store: its kind, and no address."""
    return "redis" if "://" in store else store


@contextmanager
def _store_address(store: str) -> Iterator[str]:
    """Yield the address of the store; a temporary file is deleted after the block."""
    from services.event_store.opening import is_redis

    if store == MEMORY or is_redis(store):
        yield store
    elif store == SQLITE:
        with tempfile.TemporaryDirectory(prefix="doorstep-check-") as folder:
            yield str(Path(folder) / "events.db")
    else:
        raise UserError(f"--store is {store!r}; expected memory, sqlite or redis://host:port/0")


@contextmanager
def _open(where: str, replayed: ReplayedTables) -> Iterator[EventStore]:
    """Yield an empty store of the features' sources."""
    from services.event_store.opening import open_event_store

    with open_event_store(where, replayed.features.sources) as opened:
        for source in replayed.features.sources:
            if n_samples := opened.count(source):
                raise UserError(
                    f"the store has {n_samples:,} samples of source {source.name!r} already;"
                    " expected an empty one, of which nothing is known but what is replayed: for"
                    " Redis another database, such as redis://host:port/1, for each data set"
                )
        yield opened


@contextmanager
def _reader(where: str, replayed: ReplayedTables, writer: EventStore) -> Iterator[EventStore]:
    """Yield the store opened a second time, as the process of a service opens it."""
    from services.event_store.opening import open_event_store

    if where == MEMORY:
        yield writer
    else:
        with open_event_store(where, replayed.features.sources) as opened:
            yield opened


@contextmanager
def _service(replayed: ReplayedTables, where: str) -> Iterator[Answers]:
    """Yield a service over an empty store, in a process of its own."""
    from commands.equivalence.service_store import ServiceAnswers
    from services.bento.process import ServiceProcess
    from services.client import ClientError, EventClient
    from services.core.settings.events import EventSettings

    if not replayed.catalog:
        raise UserError("--through-service is for the public data sets and the simulated city")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorstep-check-")))
        if where != MEMORY:
            stack.enter_context(_open(where, replayed))
        # Nothing may be forgotten: the history that is asked about is years old.
        settings = EventSettings(event_store=where, catalog=replayed.catalog, compact_every_s=0.0)
        log = folder / "service.log"
        service = ServiceProcess(
            "services.events:EventService", log=log, settings=settings.to_environment()
        )
        try:
            with service, EventClient(service.url, timeout_s=SERVICE_TIMEOUT_S) as client:
                yield ServiceAnswers(client, replayed.features)
        except (ClientError, UserError) as error:
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            log_text = "\n".join(["the service's log ends with:", *lines])
            raise UserError(f"{error}\n{log_text}") from error
