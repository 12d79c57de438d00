"""Move the messages of a stream into an event store, each at least once.

A message is acknowledged when the store has its events, or when it is a dead letter. While the
store is unavailable, the consumer retries without end. If a consumer dies, others take over its
messages; events that the store has already change nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter

from aggregators.stores import EventStore
from services.core.errors import InvalidRequest, Unavailable
from services.intake.append import WriteOutcome, write_events
from services.intake.consumer_metrics import ConsumerMetrics
from services.intake.intake import Incoming, IntakeRules
from services.intake.metrics import IntakeMetrics
from services.intake.redis_stream import DeadLetter, EventStream, Message, StreamRefused

__all__ = ["Consumer", "Progress"]

logger = logging.getLogger("doorstep.services")

EVENT_FIELD = b"event"
"""The field of a message that holds an event, or a list of events, as CloudEvents 1.0 JSON."""

WAIT_S = 1.0
"""Seconds that one read waits for a message; a consumer ends after the running read."""

FORGET_S = 3_600.0
"""Seconds after which an idle consumer without pending messages is removed from the group."""

BACKLOG_EVERY_S = 2.0
"""Seconds between two reads of the lag."""

_BACKOFF_MIN_S, _BACKOFF_MAX_S = 0.1, 5.0
_MAX_REASONS = 3


@dataclass(slots=True)
class Progress:
    """Hold the counts of a consumer, and the backlog of its group."""

    messages: int = 0
    events: int = 0
    applied: int = 0
    dead: int = 0
    retries: int = 0
    lag: int | None = None
    pending: int = 0


class Consumer:
    """Moves messages of a stream into an event store until it is stopped.

    Args:
        stream: gives the messages.
        event_store: takes their events.
        rules: say which events are valid; other messages are dead letters.
        intake: metrics of the events.
        metrics: metrics of the messages.
        batch: maximum number of messages of one read.
        idle_s: messages that have been pending for so long are taken over.
        forget_s: consumers that have been idle for so long, without pending messages, are removed
            from the group; 0: never.
        ending: set to end after the running batch.
        once: end when there is nothing left to read.
        on_progress: called after each batch.
    """

    def __init__(
        self,
        stream: EventStream,
        event_store: EventStore,
        *,
        rules: IntakeRules,
        intake: IntakeMetrics,
        metrics: ConsumerMetrics,
        batch: int,
        idle_s: float,
        forget_s: float = FORGET_S,
        ending: threading.Event,
        once: bool = False,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._stream = stream
        self._event_store = event_store
        self._rules = rules
        self._intake = intake
        self._metrics = metrics
        self._batch = batch
        self._idle_s = idle_s
        self._forget_s = forget_s
        self._ending = ending
        self._once = once
        self._on_progress = on_progress
        self._own_after: bytes | None = b"0"
        self._claim_at_s = 0.0
        self._backlog_at_s = 0.0
        self._has_begun = False
        self.progress = Progress()

    def run(self) -> Progress:
        """Run until stopped; return the counts.

        Raises:
            StreamRefused: the server refuses the first command, and would refuse a retry.
        """
        try:
            self._work()
        finally:
            self._leave()
        return self.progress

    def _leave(self) -> None:
        if not self._has_begun:
            return
        try:
            self._stream.leave()
        except Unavailable as error:
            logger.warning("%s", error.reason)

    def _work(self) -> None:
        delay_s = _BACKOFF_MIN_S
        prepared = False
        while not self._ending.is_set():
            try:
                if not prepared:
                    self._stream.prepare()
                    prepared = self._has_begun = True
                found = self._step()
                self._look_ahead(force=not found)
                delay_s = _BACKOFF_MIN_S
                if self._once and not found:
                    break
            except Unavailable as error:
                if isinstance(error, StreamRefused) and not self._has_begun:
                    raise  # later it may pass: a password that is being changed
                # The group may be gone with the server's memory, and what was read is not
                # acknowledged: begin as after a start.
                logger.warning("%s; trying again in %.1f s", error.reason, delay_s)
                prepared, self._own_after = False, b"0"
                self._metrics.count_retry()
                self.progress.retries += 1
                self._ending.wait(delay_s)
                delay_s = min(2.0 * delay_s, _BACKOFF_MAX_S)

    def _step(self) -> bool:
        """Read and store one batch; return whether there was a message."""
        messages = self._read()
        if not messages:
            return False
        began_s = perf_counter()
        self._store_messages(messages)
        self._metrics.time_batch(perf_counter() - began_s)
        self._on_progress(self.progress)
        return True

    def _read(self) -> list[Message]:
        """Return pending messages of this consumer, else of dead consumers, else new ones."""
        if self._own_after is not None:
            messages = self._stream.read_own(self._batch, after=self._own_after)
            self._own_after = messages[-1].id if messages else None
            if messages:
                return messages
        now_s = monotonic()
        if now_s >= self._claim_at_s:
            messages = self._stream.take_over(self._batch, idle_s=self._idle_s)
            if messages:
                self._metrics.count_taken_over(len(messages))
                return messages
            self._claim_at_s = now_s + max(self._idle_s / 2.0, WAIT_S)
            self._forget()
        return self._stream.read_new(self._batch, wait_s=0.0 if self._once else WAIT_S)

    def _forget(self) -> None:
        """Remove dead consumers from the group, after their messages were taken over."""
        if self._forget_s:
            removed = self._stream.forget(idle_s=self._forget_s)
            if removed:
                logger.info("%d consumers are gone: %s", len(removed), ", ".join(removed))

    def _store_messages(self, messages: Sequence[Message]) -> None:
        now_us = self._rules.now_us()
        incoming = Incoming()
        owners: list[int] = []
        reasons: dict[int, list[str]] = {}
        for i, message in enumerate(messages):
            try:
                body = message.fields.get(EVENT_FIELD)
                if body is None:
                    raise InvalidRequest(_without_event(message))
                incoming.read(body, self._rules, now_us)
            except InvalidRequest as error:
                reasons[i] = [str(error)]
            owners += [i] * (len(incoming.statuses) - len(owners))
        written = WriteOutcome()
        if incoming.events:
            written = self._write(incoming)
            incoming.refuse_written(written)
        if incoming.refused:
            for owner, status in zip(owners, incoming.statuses, strict=True):
                if status.status == "refused":
                    where = f"{status.field}: " if status.field else ""
                    reasons.setdefault(owner, []).append(f"{where}{status.reason}")
        letters = [DeadLetter(messages[i], _joined(reasons[i])) for i in sorted(reasons)]
        self._stream.bury(letters)
        self._stream.acknowledge(messages)
        self._count(messages, letters, incoming, written, now_us)

    def _write(self, incoming: Incoming) -> WriteOutcome:
        """Append events, and retry until the store takes them or this consumer ends."""
        delay_s = _BACKOFF_MIN_S
        while True:
            try:
                began_s = perf_counter()
                written = write_events(self._event_store, incoming.events)
            except Unavailable:
                if self._ending.is_set():
                    raise
                logger.warning("the event store cannot take events; again in %.1f s", delay_s)
                self._metrics.count_retry()
                self.progress.retries += 1
                self._on_progress(self.progress)
                self._ending.wait(delay_s)
                delay_s = min(2.0 * delay_s, _BACKOFF_MAX_S)
            else:
                seconds = perf_counter() - began_s
                self._intake.count_write(seconds, 1, len(incoming.events))
                return written

    def _count(
        self,
        messages: Sequence[Message],
        letters: Sequence[DeadLetter],
        incoming: Incoming,
        written: WriteOutcome,
        now_us: int,
    ) -> None:
        kept = incoming.kept(written)
        self._metrics.count_messages(len(messages) - len(letters), len(letters))
        self._intake.count_events(kept, arrival_us=now_us)
        self._intake.count_effects(written)
        self._intake.count_ignored(incoming.ignored)
        for source, name in incoming.refused:
            self._intake.count_refused(source, name, self._rules.sources)
        self.progress.messages += len(messages)
        self.progress.dead += len(letters)
        self.progress.events += len(kept)
        self.progress.applied += written.applied

    def _look_ahead(self, *, force: bool) -> None:
        """Read the lag at intervals."""
        now_s = monotonic()
        if now_s < self._backlog_at_s and not force:
            return
        self._backlog_at_s = now_s + BACKLOG_EVERY_S
        backlog = self._stream.backlog()
        self.progress.lag, self.progress.pending = backlog.lag, backlog.pending
        self._metrics.set_backlog(backlog.lag, backlog.pending)
        self._on_progress(self.progress)


def _without_event(message: Message) -> str:
    if not message.fields:
        return "was trimmed from the stream before it was read; its events are lost"
    names = ", ".join(repr(name.decode(errors="replace")) for name in message.fields)
    return f"has no field {EVENT_FIELD.decode()!r}, only {names}"


def _joined(reasons: Sequence[str]) -> str:
    more = len(reasons) - _MAX_REASONS
    shown = list(reasons[:_MAX_REASONS])
    return "; ".join([*shown, f"and {more} more"] if more > 0 else shown)
