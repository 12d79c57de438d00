"""A consumer process: its settings, and what it is put together from."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import get_args

from prometheus_client import CollectorRegistry, start_http_server

from services.core.errors import SettingError
from services.core.settings.events import IN_MEMORY, UnknownData
from services.core.settings.misspelt import warn_of_misspelt_variables
from services.event_store.opening import load_catalog, open_event_store
from services.intake.consumer import FORGET_S, Consumer, Progress
from services.intake.consumer_metrics import ConsumerMetrics
from services.intake.intake import IntakeRules
from services.intake.metrics import IntakeMetrics
from services.intake.redis_stream import EventStream

__all__ = ["ConsumerSettings", "run_consumer"]


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings:
    """What a consumer can be told.

    Args:
        url: address of the Redis server that has the stream.
        stream: name of the stream; dead letters go to ``<stream>:dead``.
        group: consumer group; made, from the stream's beginning, if there is none.
        consumer: name of this consumer, unique in the group; by default machine and process.
        event_store: path of an SQLite file, or address of a Redis server.
        catalog: the catalog whose sources are taken, as ``package.module:NAME``.
        batch: the most messages that are read at once.
        idle_s: messages that another consumer has had for so long are taken over.
        forget_s: consumers that have not asked for so long, and have nothing left, leave the group;
            0: they stay.
        max_clock_skew_s: how far ahead of this machine's clock an event's times may be.
        unknown_data: what becomes of data that a source does not declare: ``ignore``, ``refuse``.
        metrics_host: address of ``/metrics``.
        metrics_port: port of ``/metrics``; 0: none.
        once: end when the stream has nothing left.

    Raises:
        SettingError: the store is in memory, or ``unknown_data`` is no choice.
    """

    url: str
    stream: str
    event_store: str
    group: str
    consumer: str = field(default_factory=_own_name)
    catalog: str
    batch: int
    idle_s: float
    forget_s: float = FORGET_S
    max_clock_skew_s: float
    unknown_data: UnknownData = "ignore"
    metrics_host: str
    metrics_port: int
    once: bool

    def __post_init__(self) -> None:
        if self.event_store == IN_MEMORY:
            raise SettingError(
                "a consumer cannot store in memory: what it acknowledges would be gone"
            )
        if self.unknown_data not in get_args(UnknownData):
            raise SettingError(
                f"--unknown-data is {self.unknown_data!r}; expected ignore or refuse"
            )


def run_consumer(
    settings: ConsumerSettings,
    *,
    ending: threading.Event,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Move messages into the store until told to end; return what was done.

    Args:
        settings: from where to where.
        ending: set to end after the running batch.
        on_progress: called after each batch, and when the backlog was looked up.

    Raises:
        StoreError: the store cannot be opened.
        SettingError: the catalog cannot be imported.
    """
    warn_of_misspelt_variables()
    registry = CollectorRegistry()
    with ExitStack() as stack:
        event_store = stack.enter_context(
            open_event_store(settings.event_store, load_catalog(settings.catalog).sources)
        )
        stream = EventStream(
            settings.url,
            stream=settings.stream,
            group=settings.group,
            consumer=settings.consumer,
        )
        stack.callback(stream.close)
        consumer = Consumer(
            stream,
            event_store,
            rules=IntakeRules(
                sources=event_store.sources,
                max_clock_skew_s=settings.max_clock_skew_s,
                unknown_data=settings.unknown_data,
            ),
            intake=IntakeMetrics(registry),
            metrics=ConsumerMetrics(registry),
            batch=settings.batch,
            idle_s=settings.idle_s,
            forget_s=settings.forget_s,
            ending=ending,
            once=settings.once,
            on_progress=on_progress,
        )
        if settings.metrics_port:
            server, thread = start_http_server(
                settings.metrics_port, settings.metrics_host, registry
            )
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        return consumer.run()
