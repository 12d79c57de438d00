"""`doorstep consume`: from a Redis stream into an event store."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.output import UserError, console, error_console, reports_errors

if TYPE_CHECKING:
    from services.intake.consumer import Progress

__all__ = ["consume"]

MAX_PORT = 65_535
MAX_BATCH = 10_000


@reports_errors
def consume(
    url: Annotated[str, typer.Option(help="Redis server that has the stream.")],
    stream: Annotated[str, typer.Option(help="Name of the stream.")],
    store: Annotated[
        str, typer.Option(help="Where events go: path of an SQLite file, or redis://...")
    ],
    group: Annotated[
        str, typer.Option(help="Consumer group; made, from the stream's beginning, if need be.")
    ] = "doorstep",
    consumer: Annotated[
        str,
        typer.Option(
            help="Name of this consumer, unique in the group; by default machine and process.",
            show_default=False,
        ),
    ] = "",
    batch: Annotated[
        int, typer.Option(min=1, max=MAX_BATCH, help="Messages that are read at once.")
    ] = 500,
    idle_s: Annotated[
        float, typer.Option(min=0.0, help="Take over what another consumer has had for so long.")
    ] = 60.0,
    forget_s: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Take consumers out of the group that have not asked for so long and have nothing"
            " left to acknowledge; 0: they stay.",
        ),
    ] = 3_600.0,
    max_clock_skew_s: Annotated[
        float, typer.Option(min=0.0, help="How far ahead of the clock an event may be.")
    ] = 300.0,
    unknown_data: Annotated[
        str,
        typer.Option(help="Data that a source does not declare: ignore, or refuse the event."),
    ] = "ignore",
    catalog: Annotated[
        str, typer.Option(help="Catalog whose sources are taken, as package.module:NAME.")
    ] = "aggregators.catalog:CATALOG",
    metrics_host: Annotated[str, typer.Option(help="Address of /metrics.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option(min=0, max=MAX_PORT, help="Port of /metrics; 0: none.")
    ] = 0,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is left to read.")] = False,
) -> None:
    """Move events from a Redis stream into an event store until interrupted.

    Each message has a field `event`: one event, or a list of them, as CloudEvents 1.0 JSON.

    Messages are acknowledged once the store has their events: at least once, and a repetition
    changes nothing. Several consumers of one group share the stream, and take over what dead ones
    leave. What can never be stored goes to the stream NAME:dead, with the reason.
    """
    _run(
        url=url,
        stream=stream,
        event_store=store,
        group=group,
        catalog=catalog,
        batch=batch,
        idle_s=idle_s,
        forget_s=forget_s,
        max_clock_skew_s=max_clock_skew_s,
        unknown_data=unknown_data,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        once=once,
        **({"consumer": consumer} if consumer else {}),
    )


def _run(**settings: Any) -> None:
    """Consume with the settings of a consumer, and print the result."""
    try:
        from services.intake.consumer_process import ConsumerSettings, run_consumer
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise UserError("a stream needs the extra redis: pip install 'doorstep[redis]'") from None

    checked = ConsumerSettings(**settings)
    with ExitStack() as stack:
        line = _Line(stack)
        progress = run_consumer(checked, ending=_ending(), on_progress=line.show)
    console.print(
        f"{progress.messages:,} messages: {progress.events:,} events stored,"
        f" {progress.applied:,} of them new; {progress.dead:,} dead letters,"
        f" {progress.retries:,} retries",
        highlight=False,
    )


def _ending() -> threading.Event:
    """Return an event that is set when this process receives a signal to end."""
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    return ending


class _Line:
    """A status line in a terminal; nothing in a file or a pipe."""

    def __init__(self, stack: ExitStack) -> None:
        self._status = None
        if error_console.is_terminal:
            self._status = stack.enter_context(error_console.status("waiting for messages"))
        self._began_s = monotonic()
        self._before = 0
        self._rate = 0.0

    def show(self, progress: Progress) -> None:
        """Show the counts; the rate is that of the last second or more."""
        if self._status is None:
            return
        elapsed_s = monotonic() - self._began_s
        if elapsed_s >= 1.0:
            self._rate = (progress.events - self._before) / elapsed_s
            self._began_s, self._before = monotonic(), progress.events
        lag = "?" if progress.lag is None else f"{progress.lag:,}"
        self._status.update(
            f"{progress.events:,} events, {self._rate:,.0f}/s, lag {lag}, pending"
            f" {progress.pending:,}, {progress.dead:,} dead letters, {progress.retries:,} retries"
        )
