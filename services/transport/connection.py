"""Read whole requests from one connection, within limits, and answer them in order.

uvicorn's protocol begins a request as soon as its headers have arrived, has no limit for them, and
waits for the body without a timeout. Here a request begins when all of it has arrived: a slow
client occupies a connection, and nothing else of the service.
"""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.core.context import ARRIVED_KEY, request_id_from
from services.core.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_HEADER_LINES, MAX_PIPELINED
from services.transport import refusals
from services.transport.admission import QueuedRequest
from services.transport.cycle import Cycle, Phase, Pipe
from services.transport.process_limits import ProcessLimits
from services.transport.refusals import Refusal

__all__ = ["HEALTH_PATHS", "Connection"]

HEALTH_PATHS = frozenset(("/livez", "/healthz", "/readyz", "/metrics"))
"""Paths that are answered without admission."""

_PIECE_BYTES = 16 * 1024
_LINGER_S = 10.0
_QUIET_S = 2.0
_DRAIN_S = 0.3
_LENIENT_BYTES_PER_BYTE = 8
_LINE_BYTES = 4


class _Refused(Exception):
    """Raised to end the parsing of a request."""


class Connection(HttpToolsProtocol):
    """Replaces uvicorn's protocol.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's state.
        app_state: the state of the application.
        shared: the limits that all connections of the process share.
        only_health: whether only health checks are answered, since there are too many
            connections.
        clock: seconds that never run back; injected in tests.
    """

    def __init__(
        self,
        config: Config,
        server_state: Any,
        app_state: dict[str, Any],
        *,
        shared: ProcessLimits,
        only_health: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(config, server_state, app_state, asyncio.get_running_loop())
        self._shared = shared
        self._only_health = only_health
        self._clock = clock
        self.phase = Phase.NEW
        self.is_made = False
        """Whether there is a transport."""
        self.since_s = clock()
        self._data_s = self.since_s
        self._began_s = self.since_s
        self._refusal: Refusal | None = None
        self._requests: deque[Cycle] = deque()
        self._head_bytes = 0
        self._open_bytes = 0
        self._framing_bytes = 0
        self._body_bytes = 0
        self._counted_bytes = 0
        self._is_draining = False
        self._is_broken = False
        self._stuck: tuple[int, float] | None = None

    # --- the life of a connection -----------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin the connection; called by asyncio."""
        super().connection_made(transport)
        self._pipe: Any = Pipe(transport, self.end)
        self.is_made = True

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection; called by asyncio."""
        for cycle in self._requests:
            cycle.disconnected = True
            cycle.message_event.set()
        self._requests.clear()
        self._count_body(0)
        super().connection_lost(exc)
        self.phase = Phase.END
        self._shared.left(self)

    def end(self) -> None:
        """Close the connection after the client has read the answer.

        After an immediate close, bytes that the client has sent meanwhile would make its system
        reset the connection and discard the unread answer.
        """
        if self.phase is Phase.END:
            return
        self._enter(Phase.END)
        self._count_body(0)
        self.flow.resume_reading()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """Answer the received requests, then close: the service ends."""
        self._is_draining = True
        if self._requests:
            self._requests[-1].keep_alive = False
        else:  # what the other side has sent by now is read and answered first
            self.loop.call_later(_DRAIN_S, self._end_if_quiet)

    def check(self, now_s: float) -> None:
        """Close the connection or refuse its request after a timeout."""
        if not self.is_made:
            return
        settings, waited_s = self._shared.settings, now_s - self.since_s
        if self._is_stuck(now_s, settings.write_timeout_s):
            self.transport.abort()
        elif self._stuck is not None:
            return
        elif self.phase is Phase.END:
            quiet_s = min(waited_s, now_s - self._data_s)
            if waited_s > _LINGER_S or quiet_s > _QUIET_S:
                self.transport.abort()
        elif self._is_answering:
            return
        elif self.phase is Phase.HEADERS and waited_s > settings.header_timeout_s:
            self._refuse(refusals.HEADERS_LATE)
        elif self.phase is Phase.BODY and waited_s > settings.body_timeout_s:
            self._refuse(refusals.BODY_LATE)
        elif (self.phase is Phase.IDLE and waited_s > settings.idle_timeout_s) or (
            self.phase is Phase.NEW and waited_s > settings.header_timeout_s
        ):
            self.end()

    def _is_stuck(self, now_s: float, timeout_s: float) -> bool:
        """Return whether the client has read nothing of an answer for too long."""
        left = self.transport.get_write_buffer_size()
        if not left:
            self._stuck = None
        elif self._stuck is None or self._stuck[0] != left:
            self._stuck = (left, now_s)
        else:
            return now_s - self._stuck[1] > timeout_s
        return False

    def _end_if_quiet(self) -> None:
        if not self._requests and self.phase in (Phase.NEW, Phase.IDLE):
            self.end()

    def _enter(self, phase: Phase) -> None:
        self.phase, self.since_s = phase, self._clock()

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for a request, or for the rest of one."""
        return self.is_made and not self._is_answering and self.phase is not Phase.END

    @property
    def _is_answering(self) -> bool:
        return bool(self._requests) and not self._requests[0].more_body

    # --- what arrives -----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; called by asyncio."""
        self._data_s = self._clock()
        for start in range(0, len(data), _PIECE_BYTES):
            if self.phase is Phase.END or self._is_broken:  # the rest is of no interest
                return
            self._feed(data[start : start + _PIECE_BYTES])

    def _feed(self, piece: bytes) -> None:
        phase, began_s = self.phase, self._began_s
        self._framing_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            # There is nothing else than HTTP/1.1 here: the request is answered as one of those.
            self._is_broken = True
            if self._requests:
                self._requests[-1].keep_alive = False
            return
        except httptools.HttpParserError:
            if self.phase is not Phase.END:
                self._refuse(self._refusal or refusals.BAD_REQUEST)
            return
        if self.phase is Phase.HEADERS and phase is Phase.HEADERS and began_s == self._began_s:
            # A header that has no end is not seen by `on_header`.
            self._open_bytes += len(piece)
            if self._open_bytes > MAX_HEADER_BYTES:
                self._refuse(refusals.HEADERS_TOO_LONG)
        elif self.phase is Phase.BODY:
            allowed = MAX_HEADER_BYTES + _PIECE_BYTES + _LENIENT_BYTES_PER_BYTE * self._body_bytes
            if self._framing_bytes > allowed:
                self._refuse(refusals.FRAMING_TOO_LONG)

    def on_message_begin(self) -> None:
        """Begin a request; called by the parser."""
        if self.phase is Phase.END:
            raise _Refused
        super().on_message_begin()
        self._head_bytes = self._open_bytes = self._framing_bytes = self._body_bytes = 0
        self._began_s = self._data_s
        self._enter(Phase.HEADERS)

    def on_url(self, url: bytes) -> None:
        """Append a part of the path; called by the parser."""
        self._grow(len(url), refusals.TARGET_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header or a trailer; called by the parser."""
        if self.phase is not Phase.HEADERS:
            self._grow(len(name) + len(value) + _LINE_BYTES, refusals.FRAMING_TOO_LONG)
            return
        self._grow(len(name) + len(value) + _LINE_BYTES, refusals.HEADERS_TOO_LONG)
        if len(self.headers) >= MAX_HEADER_LINES:
            self._stop(refusals.HEADERS_TOO_LONG)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Prepare an answer; called by the parser."""
        version = self.parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope.update(
            {
                "method": self.parser.get_method().decode("ascii"),
                "http_version": version,
                "path": self.root_path + (urllib.parse.unquote(path) if "%" in path else path),
                "raw_path": self.root_path.encode("ascii") + url.path,
                "query_string": url.query or b"",
                ARRIVED_KEY: self._began_s,
            }
        )
        if len(self._requests) >= MAX_PIPELINED:
            self._stop(refusals.TOO_MANY_PIPELINED)
        cycle = Cycle(
            scope=self.scope,
            transport=self._pipe,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=version != "1.0"
            and self.parser.should_keep_alive()
            and not self._is_draining,
            on_response=self.on_response_complete,
        )
        self.cycle = cycle
        self._requests.append(cycle)
        if len(self._requests) > 1:  # its turn is not now
            self.flow.pause_reading()
        self._framing_bytes = 0
        self._enter(Phase.BODY)
        if self._announced_bytes() > MAX_BODY_BYTES:
            self._stop(refusals.BODY_TOO_LARGE)
        if (refusal := refusals.invalid_host(self.headers, version)) is not None:
            self._stop(refusal)
        if self.expect_100_continue and len(self._requests) == 1:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Append a part of a body; called by the parser."""
        self._framing_bytes -= len(body)
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY_BYTES:
            self._stop(refusals.BODY_TOO_LARGE)
        self.cycle.body += body
        self._count_body(self._body_bytes)
        if self._shared.has_too_many_bodies:
            self._stop(refusals.TOO_MANY_BODIES)

    def on_message_complete(self) -> None:
        """Queue a complete request for admission; called by the parser."""
        cycle = self._requests[-1]
        cycle.more_body = False
        cycle.message_event.set()
        cycle.done_s = self._data_s
        self._count_body(0)
        self._enter(Phase.ANSWER)
        if self._requests[0] is cycle:
            self._offer(cycle)

    def _announced_bytes(self) -> int:
        lengths = [text for name, text in self.headers if name == b"content-length"]
        return int(lengths[0]) if lengths and lengths[0].isdigit() else 0

    def _grow(self, n_bytes: int, refusal: Refusal) -> None:
        self._head_bytes += n_bytes
        if self._head_bytes > MAX_HEADER_BYTES:
            self._stop(refusal)

    def _count_body(self, n_bytes: int) -> None:
        self._counted_bytes = self._shared.count_body(self._counted_bytes, n_bytes)

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _Refused

    # --- what is answered -------------------------------------------------------------------------

    def _offer(self, cycle: Cycle) -> None:
        if cycle.scope["path"] in HEALTH_PATHS and self._shared.may_pass():
            self._start(cycle, self._shared.passed)
        elif self._only_health:
            self._answer_self(cycle, refusals.FULL)
        else:
            self._shared.gate.offer(
                QueuedRequest(
                    begin=lambda: self._start(cycle, self._shared.gate.ended),
                    refuse=lambda: self._overloaded(cycle),
                    arrived_s=cycle.done_s,
                    is_wanted=lambda: not cycle.disconnected,
                )
            )

    def _start(self, cycle: Cycle, ended: Callable[[], None]) -> None:
        task = self.loop.create_task(cycle.run_asgi(self.app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(lambda _task: ended())

    def _overloaded(self, cycle: Cycle) -> None:
        self._shared.count_overloaded()
        self._answer_self(cycle, refusals.OVERLOADED)

    def _answer_self(self, cycle: Cycle, refusal: Refusal) -> None:
        """Answer a request without the application."""
        given = dict(cycle.scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        closes = refusal.closes or not cycle.keep_alive
        self.transport.write(refusal.to_bytes(request_id_from(given), closes=closes))
        cycle.response_started = cycle.response_complete = True
        if closes:
            self.end()
        self.on_response_complete()

    def _refuse(self, refusal: Refusal) -> None:
        """Refuse an unreadable request, after the answers to earlier ones."""
        self._shared.count_refused(refusal)
        if self._requests and self._requests[-1].more_body:
            self._requests.pop()
        if self._requests:  # half of an answer cannot be taken back
            self._is_broken = True
            self._requests[-1].keep_alive = False
            return
        if not self.transport.is_closing():
            self.transport.write(refusal.to_bytes(request_id_from("")))
        self.end()

    def on_response_complete(self) -> None:
        """Continue with the next request of the connection."""
        self.server_state.total_requests += 1
        if self._requests:
            self._requests.popleft()
        if len(self._requests) <= 1:
            self.flow.resume_reading()
        if self.phase is Phase.END or self.transport.is_closing():
            return
        if self._requests:
            following = self._requests[0]
            if not following.more_body:
                self._offer(following)
        elif self.phase is Phase.ANSWER:
            self._enter(Phase.IDLE)
            if self._is_draining:
                self.loop.call_later(_DRAIN_S, self._end_if_quiet)
