"""Create and check API keys, each with its scopes.

A key is shown once, when it is created. Its id, its scopes and the hash of its secret are stored.
The secret has 256 random bits, so that a plain SHA-256 is safe, and a check costs a microsecond.
Comparisons take constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec

from services.core.errors import Forbidden, SettingError, Unauthorized
from services.core.placeholders import check_placeholder
from services.core.settings.access import KEYS_FILE_VARIABLE, KEYS_VARIABLE, AccessSettings

__all__ = ["SCOPES", "ApiKey", "ApiKeys", "Scope", "make_key"]

Scope: TypeAlias = Literal["routing", "app", "partner", "intake", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Courier selection; displayed ranges; courier arrivals; sending events; everything."""

_EXPECTED = "expected the JSON list that `doorstep keys create` writes"

MAX_KEYS = 10_000
"""Keys of one file."""

_PREFIX = "dstp"
_ID_BYTES = 6
_SECRET_BYTES = 32
_KEY = re.compile(rf"{_PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")
_BEARER = "bearer "
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


class ApiKey(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Hold the stored data of a key.

    Args:
        id: the public part of the key, for logs.
        name: the owner.
        scopes: the endpoints that it may call.
        sha256: the hash of its secret, hexadecimal.
        expires: when it expires; None: never.
    """

    id: Annotated[str, msgspec.Meta(pattern=rf"^[0-9a-f]{{{2 * _ID_BYTES}}}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def make_key(
    name: str, scopes: Iterable[Scope], *, expires: datetime | None = None
) -> tuple[str, ApiKey]:
    """Return a new key, which cannot be read again, and its stored data.

    >>> text, kept = make_key("routing engine", ["routing"])
    >>> ApiKeys([kept]).check(f"Bearer {text}", "routing").name
    'routing engine'
    """
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
    kept = ApiKey(
        id=key_id,
        name=name,
        scopes=list(dict.fromkeys(scopes)),
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        expires=expires,
    )
    # Through JSON once, so that what cannot be read again is not written either.
    try:
        kept = msgspec.json.decode(msgspec.json.encode(kept), type=ApiKey)
    except msgspec.ValidationError as error:
        raise SettingError(f"an API key cannot be so: {error}") from None
    return f"{_PREFIX}_{key_id}_{secret}", kept


class ApiKeys:
    """Holds the keys of a service.

    Args:
        keys: the stored data of the keys.

    Raises:
        SettingError: two keys have the same id, or there are more than ``MAX_KEYS``.
    """

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys: dict[str, ApiKey] = {}
        for key in keys:
            if key.id in self._keys:
                raise SettingError(f"two API keys have the id {key.id}")
            self._keys[key.id] = key
        if len(self._keys) > MAX_KEYS:
            raise SettingError(f"{len(self._keys)} API keys; expected at most {MAX_KEYS}")

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._keys.values())

    @classmethod
    def from_json(cls, document: bytes, *, origin: str) -> ApiKeys:
        """Return the keys that :meth:`to_json` wrote.

        Args:
            document: a JSON list.
            origin: its source, for errors.

        Raises:
            SettingError: it is not such a list; the message names the position.
        """
        check_placeholder(document.decode("utf-8", "replace"), f"the list of API keys in {origin}")
        try:
            return cls(msgspec.json.decode(document, type=list[ApiKey]))
        except msgspec.DecodeError as error:
            raise SettingError(f"API keys in {origin}: {error}; {_EXPECTED}") from None

    @classmethod
    def from_file(cls, path: Path) -> ApiKeys:
        """Return the keys of a file.

        Raises:
            SettingError: it cannot be read, or users beyond its owner and group may read it.
        """
        try:
            document = path.read_bytes()
            mode = path.stat().st_mode
        except OSError as error:
            raise SettingError(f"API keys: {path} cannot be read ({error.strerror})") from None
        if mode & 0o007:
            raise SettingError(
                f"API keys: everybody may read or change {path}; expected no rights for others"
                f" (chmod o= {path})"
            )
        return cls.from_json(document, origin=str(path))

    @classmethod
    def from_settings(cls, settings: AccessSettings) -> ApiKeys | None:
        """Return the keys that settings name, None where they name none.

        Args:
            settings: have the keys as JSON, or the path of their file.

        Raises:
            SettingError: both are set, or the keys cannot be read.
        """
        document, path = settings.api_keys, settings.api_keys_file
        if document and path:
            raise SettingError(
                f"{KEYS_VARIABLE} and {KEYS_FILE_VARIABLE} are both set; expected one of them"
            )
        if path:
            return cls.from_file(Path(path))
        return cls.from_json(document.encode(), origin=KEYS_VARIABLE) if document else None

    def to_json(self) -> bytes:
        """Return the keys as a JSON list without secrets."""
        return msgspec.json.format(msgspec.json.encode(list(self._keys.values())), indent=2)

    def check(
        self,
        authorization: str | None,
        scope: Scope | Collection[Scope],
        *,
        now: datetime | None = None,
    ) -> ApiKey:
        """Return the key of a request, if it has the scope.

        Args:
            authorization: the request's header of that name, ``Bearer`` and the key.
            scope: the required scope, or several of which one is enough; the scope ``admin``
                includes all others.
            now: the present moment; the machine's clock by default.

        Raises:
            Unauthorized: the key is missing, unknown or expired.
            Forbidden: the key is valid, but lacks the scope.
        """
        given = authorization or ""
        if not given.lower().startswith(_BEARER):
            raise Unauthorized("no API key; send the header 'Authorization: Bearer <key>'")
        match = _KEY.fullmatch(given[len(_BEARER) :].strip())
        if match is None:
            raise Unauthorized(f"this is no API key; expected {_PREFIX}_<id>_<secret>")
        key_id, secret = match.groups()
        key = self._keys.get(key_id)
        # An unknown id is compared as well, so that the time says nothing about which ids exist.
        digest = hashlib.sha256(secret.encode()).hexdigest()
        same = hmac.compare_digest(digest, _NOBODY if key is None else key.sha256)
        if key is None or not same:
            raise Unauthorized("the API key is not known")
        if key.expires is not None and key.expires <= (now or datetime.now(UTC)):
            raise Unauthorized(f"the API key {key.id} expired on {key.expires.isoformat()}")
        enough = {scope, "admin"} if isinstance(scope, str) else {*scope, "admin"}
        if enough.isdisjoint(key.scopes):
            needed = scope if isinstance(scope, str) else " or ".join(scope)
            raise Forbidden(
                f"the API key {key.id} may ask for {', '.join(key.scopes)}; this needs"
                f" {needed or 'admin'}"
            )
        return key
