"""Which API keys a service knows, and whether it may do without.

Keys stand in a file, which is read again when it changes, or in the environment. Without keys a
service answers nobody but its own machine, unless it is told to answer everybody.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from services.core.errors import SettingError
from services.core.settings.access import (
    ANONYMOUS_VARIABLE,
    KEYS_FILE_VARIABLE,
    KEYS_VARIABLE,
    AccessSettings,
)
from services.middleware.api_keys import ApiKeys

__all__ = [
    "KeyRing",
    "allows_anonymous",
    "check_exposure",
    "is_loopback",
]

logger = logging.getLogger("doorstep.services")

_POLL_EVERY_S = 1.0


class KeyRing:
    """The API keys that an environment names, as they are now.

    Args:
        environment: of the process.
        clock: seconds that never run back; injected in tests.

    Raises:
        SettingError: the keys cannot be read. Later, keys that cannot be read any more are those
            that were read last, the log says so, and the file is read again every second until it
            can be.

    >>> KeyRing({}).keys() is None
    True
    """

    def __init__(
        self, environment: Mapping[str, str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        settings = AccessSettings.from_environment(environment)
        self._keys = ApiKeys.from_settings(settings)
        self._path = Path(settings.api_keys_file) if settings.api_keys_file else None
        self._clock = clock
        self._seen: tuple[int, ...] | None = self._state()
        self._logged: tuple[tuple[int, ...], str] | None = None
        self._looked_s = clock()
        _warn_of_none(self._keys)

    def keys(self) -> ApiKeys | None:
        """Return the keys, None where there shall be none. Looks at the file once a second."""
        if self._path is not None:
            now_s = self._clock()
            if now_s - self._looked_s >= _POLL_EVERY_S:
                self._looked_s = now_s
                self._look(self._path)
        return self._keys

    def _look(self, path: Path) -> None:
        state = self._state()
        if state == self._seen:
            return
        # Only what was read counts as seen: whatever kept it from being read (rights, a busy file
        # system) may pass without the file changing, and the change may have revoked a key.
        self._seen = None
        try:
            self._keys = ApiKeys.from_file(path)
        except SettingError as error:
            if self._logged != (state, str(error)):
                self._logged = state, str(error)
                logger.error("the API keys stay as they were until they can be read: %s", error)
            return
        self._seen, self._logged = state, None
        logger.info("read %d API keys anew", len(self._keys))
        _warn_of_none(self._keys)

    def _state(self) -> tuple[int, ...]:
        """What changes whenever the file is replaced or written; empty where there is none."""
        if self._path is None:
            return ()
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _warn_of_none(keys: ApiKeys | None) -> None:
    """Say that nobody may ask, where there is a list of keys without any."""
    if keys is not None and not len(keys):
        logger.warning(
            "the list of API keys is empty: every request that needs a key is refused until"
            " `doorstep keys create` has made one"
        )


def allows_anonymous(environment: Mapping[str, str]) -> bool:
    """Return whether a service shall answer everybody where it has no keys.

    Raises:
        SettingError: the setting is neither 0 nor 1.

    >>> allows_anonymous({"DOORSTEP_ALLOW_ANONYMOUS": "1"}), allows_anonymous({})
    (True, False)
    """
    return AccessSettings.from_environment(environment).anonymous


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address: loopback, or a socket's path.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "/run/a.sock")]
    [True, True, True, True]
    >>> [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.7", "", "etp.example.com")]
    [False, False, False, False, False]
    """
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:  # a name: who knows what it stands for
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_exposure(host: str, environment: Mapping[str, str]) -> None:
    """Refuse to let others than this machine reach a service that asks for no key.

    Args:
        host: the address that it is to listen on.
        environment: of its process.

    Raises:
        SettingError: the host can be reached from elsewhere, and there are no keys; or the
            settings of the keys cannot be.

    >>> check_exposure("127.0.0.1", {})
    >>> check_exposure("0.0.0.0", {"DOORSTEP_ALLOW_ANONYMOUS": "1"})
    """
    keys = KeyRing(environment).keys()
    if keys is None and not allows_anonymous(environment) and not is_loopback(host):
        raise SettingError(
            f"without API keys a service listens on a loopback address only, not on {host!r}:"
            f" make a key (doorstep keys create) and set {KEYS_FILE_VARIABLE} or {KEYS_VARIABLE};"
            f" or, where only trusted machines can reach it, set {ANONYMOUS_VARIABLE}=1"
        )
