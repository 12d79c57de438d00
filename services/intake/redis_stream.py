"""Read a Redis stream as a consumer group, with a second stream for dead letters.

This is the only module of the services that uses a Redis client; the event store has its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from services.core.errors import SettingError, Unavailable
from services.event_store.opening import without_password

logger = logging.getLogger("doorstep.services")

__all__ = [
    "Backlog",
    "DeadLetter",
    "EventStream",
    "Message",
    "StreamRefused",
    "StreamUnavailable",
]

_FORGET = """
local gone = {}
for _, consumer in ipairs(redis.call("XINFO", "CONSUMERS", KEYS[1], ARGV[1])) do
    local about = {}
    for i = 1, #consumer, 2 do about[consumer[i]] = consumer[i + 1] end
    if about.name ~= ARGV[2] and about.pending == 0 and about.idle >= tonumber(ARGV[3]) then
        redis.call("XGROUP", "DELCONSUMER", KEYS[1], ARGV[1], about.name)
        gone[#gone + 1] = about.name
    end
end
return gone
"""

_CONNECT_TIMEOUT_S = 5.0
_SPARE_TIMEOUT_S = 10.0
"""Seconds that an answer may take beyond the blocking time of the server."""

# Beside passwords and permissions, for which the library has classes.
_REFUSALS = ("DB index is out of range", "invalid DB index", "WRONGTYPE", "unknown command")


class StreamUnavailable(Unavailable):
    """Raised when the Redis server does not answer, or refuses a command of the stream."""


class StreamRefused(StreamUnavailable):
    """Raised when a retry would be refused, too: a wrong password, database or key."""


@dataclass(frozen=True, slots=True)
class Message:
    """Hold a message of the stream; ``fields`` are empty if it was trimmed before it was read."""

    id: bytes
    fields: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Hold a message that can never be stored, and the reason."""

    message: Message
    reason: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """Hold the work that a group has left.

    Attributes:
        lag: messages that were not delivered to a consumer; None if Redis does not know (after
            messages within the stream were deleted).
        pending: messages that were delivered and not acknowledged.
    """

    lag: int | None
    pending: int


class EventStream:
    """Reads a stream as one consumer of a group.

    Args:
        url: address of the Redis server.
        stream: name of the stream; dead letters go to ``<stream>:dead``.
        group: name of the consumer group; made, from the stream's beginning, if there is none.
        consumer: name of this consumer, unique in the group.

    Every method raises :class:`StreamUnavailable` if Redis does not answer, and
    :class:`StreamRefused` if a retry is useless.
    """

    def __init__(self, url: str, *, stream: str, group: str, consumer: str) -> None:
        self.name = stream
        self.dead_name = f"{stream}:dead"
        self._group = group
        self._consumer = consumer
        self._where = without_password(url)
        self._claim_from: bytes = b"0-0"
        try:
            self._redis: Any = redis.Redis.from_url(
                url,
                protocol=2,
                socket_connect_timeout=_CONNECT_TIMEOUT_S,
                socket_timeout=_SPARE_TIMEOUT_S,
            )
        except ValueError:  # its text quotes parts of the URL, which may be of a password
            raise SettingError(
                f"{self._where!r} is no address of a Redis server; expected"
                " redis://[user:password@]host:port/db, with / ? # @ : % of a password encoded"
            ) from None
        # Messages are taken as they come; the library would make and copy objects of its own.
        for command in ("XREADGROUP", "XAUTOCLAIM"):
            self._redis.set_response_callback(command, lambda response, **_options: response)

    def prepare(self) -> None:
        """Create the group and the stream if they do not exist."""
        with self._errors():
            try:
                self._redis.xgroup_create(self.name, self._group, id="0", mkstream=True)
            except redis.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    def read_new(self, count: int, *, wait_s: float) -> list[Message]:
        """Wait for new messages of the group and return them."""
        # Zero would mean to wait for ever.
        options = ["BLOCK", max(1, round(wait_s * 1_000))] if wait_s > 0.0 else []
        return self._read(">", count, options)

    def read_own(self, count: int, *, after: bytes) -> list[Message]:
        """Return the pending messages of this consumer."""
        return self._read(after, count, [])

    def take_over(self, count: int, *, idle_s: float) -> list[Message]:
        """Claim and return messages that have been pending too long at other consumers."""
        arguments = (self._group, self._consumer, round(idle_s * 1_000), self._claim_from)
        with self._errors():
            answer = self._redis.execute_command(
                "XAUTOCLAIM", self.name, *arguments, "COUNT", count
            )
        self._claim_from = answer[0]
        return _messages(answer[1])

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages that the store has."""
        if messages:
            with self._errors():
                self._redis.xack(self.name, self._group, *(message.id for message in messages))

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Append dead letters to their stream, with the reason and the original id."""
        if not letters:
            return
        with self._errors():
            pipeline = self._redis.pipeline(transaction=False)
            for letter in letters:
                fields = {b"reason": letter.reason, b"id": letter.message.id}
                fields |= {b"field:" + k: v for k, v in letter.message.fields.items()}
                pipeline.xadd(self.dead_name, fields)
            pipeline.execute()

    def backlog(self) -> Backlog:
        """Return the lag and the pending messages of the group."""
        with self._errors():
            groups = self._redis.xinfo_groups(self.name)
        wanted = self._group.encode()
        for group in groups:
            if group["name"] == wanted:
                return Backlog(group.get("lag"), group["pending"])
        return Backlog(None, 0)

    def leave(self) -> None:
        """Remove this consumer from the group, unless it has pending messages."""
        with self._errors():
            own_pending = self._redis.xpending_range(
                self.name, self._group, "-", "+", 1, consumername=self._consumer
            )
            if not own_pending:
                self._redis.xgroup_delconsumer(self.name, self._group, self._consumer)

    def forget(self, *, idle_s: float) -> list[str]:
        """Remove idle consumers without pending messages from the group.

        A script checks and removes in one step, so that no message is lost that such a consumer
        gets meanwhile.

        Args:
            idle_s: consumers that have not read for so long are removed.

        Returns:
            Their names; nothing if the server does not allow scripts.
        """
        arguments = (self.name, self._group, self._consumer, round(idle_s * 1_000))
        with self._errors():
            try:
                names = self._redis.eval(_FORGET, 1, *arguments)
            except redis.ResponseError as error:
                logger.warning("consumers that are gone stay in the group: %s", error)
                return []
        return [name.decode(errors="replace") for name in names]

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _read(self, start: str | bytes, count: int, options: list[Any]) -> list[Message]:
        head = ("GROUP", self._group, self._consumer, "COUNT", count)
        with self._errors():
            answer = self._redis.execute_command(
                "XREADGROUP", *head, *options, "STREAMS", self.name, start
            )
        return _messages(answer[0][1]) if answer else []

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            kind = StreamRefused if _is_refusal(error) else StreamUnavailable
            raise kind(f"the stream {self.name!r} at {self._where}: {error}") from error


def _is_refusal(error: Exception) -> bool:
    """Return whether a retry would be refused, too."""
    known = redis.exceptions
    if isinstance(error, known.AuthenticationError | known.NoPermissionError):
        return True
    return isinstance(error, redis.ResponseError) and str(error).startswith(_REFUSALS)


def _messages(entries: Sequence[Any]) -> list[Message]:
    """Return the messages of an answer; a trimmed one has no fields."""
    result = []
    for entry_id, flat in entries:
        fields = dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}
        result.append(Message(entry_id, fields))
    return result
