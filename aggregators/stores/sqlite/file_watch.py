"""Find out whether an SQLite file is still the one that is open, and restore a deleted one.

On POSIX a deleted or replaced file still exists for the processes that have it open: they would
write into a file that nobody will ever read.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from aggregators.stores.sqlite.damage import DamageWatch

__all__ = ["WatchedFile"]

logger = logging.getLogger("doorstep.stores")

_SIDES = ("-wal", "-shm")
"""What SQLite keeps beside a file. It would take the old ones for those of a new file."""

Identity: TypeAlias = tuple[int, int] | None


class WatchedFile:
    """Watches a path and the file that was opened there; ``damage`` checks that it is whole.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: Identity = None
        self._sides: dict[Path, Identity] = {}
        self._mode = 0o600
        self.damage = DamageWatch(path)

    def note(self) -> None:
        """Remember the present file as the open one."""
        self._identity = _identity_of(self.path)
        with suppress(OSError):  # it may be gone again
            self._mode = self.path.stat().st_mode & 0o777
        sides = (self.path.with_name(self.path.name + side) for side in _SIDES)
        self._sides = {side: _identity_of(side) for side in sides}
        self.damage.note()

    def forget(self) -> None:
        """Count no file as the open one, until the next :meth:`note`."""
        self._identity = None

    def is_open_one(self) -> bool:
        """Return whether the open file stands at its path."""
        return _identity_of(self.path) == self._identity is not None

    def is_missing(self) -> bool:
        """Return whether no file stands at the path."""
        return _identity_of(self.path) is None

    def is_writable(self) -> bool:
        """Return whether this process may write the file that stands at the path."""
        return _is_writable(self.path)

    def fix_sidecar_permissions(self) -> None:
        """Give the files beside the database its permissions.

        SQLite makes them with the permissions that the database has at that moment.
        """
        for side in self._sides:
            if side.exists() and not _is_writable(side):
                side.chmod(self.path.stat().st_mode & 0o777)

    def clear_path(self, reader: sqlite3.Connection) -> None:
        """Prepare the path for opening it again.

        A deleted file is restored from the open connection: what was acknowledged is in it. A
        replaced file gives way to the new one.

        Args:
            reader: a connection to the open file, outside of any transaction.

        Raises:
            OSError: the folder is gone, or cannot be written.
        """
        with _locked(self.path.parent):  # all processes that have the file open come here
            is_missing = self.is_missing()
            for side, identity in self._sides.items():
                if identity is not None and _identity_of(side) == identity:
                    side.unlink(missing_ok=True)
            if is_missing:
                logger.error("%s was deleted while it was open: it is brought back", self.path)
                self._bring_back(reader)
            else:
                logger.error("%s was replaced while it was open: the new one is used", self.path)

    def leave(self, reader: sqlite3.Connection) -> None:
        """Prepare the path for the next process before the open file is closed.

        Args:
            reader: a connection to the open file, outside of any transaction.
        """
        if not self._sides or self.is_open_one():  # or it was never noted
            return
        try:
            self.clear_path(reader)
        except (OSError, sqlite3.Error) as error:
            logger.error("%s is gone and cannot be brought back: %s", self.path, error)

    def _bring_back(self, reader: sqlite3.Connection) -> None:
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.restored")
        try:
            with closing(sqlite3.connect(temporary)) as copy:
                reader.backup(copy)
            temporary.chmod(self._mode)
            os.link(temporary, self.path)
        except FileExistsError:  # another process has made a new file meanwhile
            logger.exception("%s is there again, and stays as it is", self.path)
        except sqlite3.Error:  # the disk is gone, too
            logger.exception("%s cannot be brought back: a new one is begun", self.path)
        finally:
            for side in ("", "-journal", *_SIDES):
                temporary.with_name(temporary.name + side).unlink(missing_ok=True)


def _identity_of(path: Path) -> Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other processes, and write its changes to the disk at the end."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
