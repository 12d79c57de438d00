"""Load the API keys of a service, and decide whether it may run without keys.

Keys are in a file, which is reloaded when it changes, or in the environment. Without keys a service
answers its own machine alone, unless a setting allows everybody.
"""

from __future__ import annotations

import functools
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
    """Holds the current API keys of an environment.

    Args:
        environment: of the process.
        clock: seconds that never run back; injected in tests.

    Raises:
        SettingError: the keys cannot be read. If a later reload fails, the last keys stay valid,
            the log has the error, and the file is read again every second.

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
        """Return the keys; None if the service has none. Checks the file once a second."""
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
        """Return the state of the file, which changes with every write; empty without a file."""
        if self._path is None:
            return ()
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _warn_of_none(keys: ApiKeys | None) -> None:
    """Log a warning if the list of keys is empty: every request is refused."""
    if keys is not None and not len(keys):
        logger.warning(
            "the list of API keys is empty: every request that needs a key is refused until"
            " `doorstep keys create` has made one"
        )


def allows_anonymous(environment: Mapping[str, str]) -> bool:
    """Return whether a service without keys answers everybody.

    Raises:
        SettingError: the setting is neither 0 nor 1.

    >>> allows_anonymous({"DOORSTEP_ALLOW_ANONYMOUS": "1"}), allows_anonymous({})
    (True, False)
    """
    return AccessSettings.from_environment(environment).anonymous


@functools.lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address: loopback or a Unix socket.

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
    """Raise if other machines can reach a service without keys.

    Args:
        host: the address that the service listens on.
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
