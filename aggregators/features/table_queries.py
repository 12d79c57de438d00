"""Prepare tables for a set of features, and write what is computed of them to a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aggregators.engine.prepared import PreparedTable
    from aggregators.feature import Feature
    from aggregators.typing import Native

__all__ = ["TableQueries"]

CHUNK_ROWS = 262_144
"""How many rows are computed and written at a time, by default."""


class TableQueries(ABC):
    """Prepares tables for the features of a set, and writes features of many rows.

    Attributes:
        features: the features, in their order.
        names: their names.
        name: what the set is called.
    """

    features: Sequence[Feature]
    names: tuple[str, ...]
    name: str

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 over all names and definitions, in their order."""

    def prepare(
        self,
        data: Native | Mapping[str, Native],
        *,
        as_of: Any = None,
        at: Native = None,
        threads: int | None = None,
    ) -> PreparedTable:
        """Read and sort a table once, for experiments that compute features of it repeatedly.

        What comes back stands for the table in :meth:`transform` and :meth:`write_parquet`, of this
        set and of any other set or feature over the same sources. It reads what it lacks when a
        feature needs it. So the table must not be changed meanwhile. It needs about as much memory
        as the columns that the features read, and up to 1 GiB besides for what is kept in the order
        of the features' groups.

        Args:
            data: a table of samples, or a mapping from source name to table.
            as_of: as in :meth:`transform`, which is then called without it.
            at: as in :meth:`transform`, which is then called without it.
            threads: how many threads; by default one per core.

        Returns:
            The prepared table. The values that are computed of it are those of the table itself, to
            the bit.

        Raises:
            QueryError: an argument is missing or of the wrong kind.
            DataError: a table cannot be taken.

        >>> import pandas as pd
        >>> from aggregators import FeatureSet, Source, StatsAfterEvent
        >>> orders = Source(
        ...     "orders", sample_id="order_id", events=("activated",), dimensions=("store_id",)
        ... )
        >>> table = pd.DataFrame(
        ...     {
        ...         "order_id": [1, 2, 3],
        ...         "store_id": ["a", "a", "a"],
        ...         "activated": pd.date_range("2026-01-01", periods=3, freq="10min", tz="UTC"),
        ...     }
        ... )
        >>> def orders_within(window):
        ...     return StatsAfterEvent(
        ...         orders,
        ...         dimension="store_id",
        ...         function="count",
        ...         event="activated",
        ...         window=window,
        ...     )
        >>> prepared = FeatureSet([orders_within("1h")]).prepare(table, as_of="activated")
        >>> for window in ("15min", "1h"):
        ...     print(orders_within(window).transform(prepared, "training").tolist())
        [0.0, 1.0, 1.0]
        [0.0, 1.0, 2.0]
        """
        from aggregators.engine.transform import prepare

        return prepare(self.features, data, as_of=as_of, at=at, threads=threads)

    def write_parquet(
        self,
        data: Any,
        path: str | Path,
        *,
        as_of: Any = None,
        at: Native = None,
        chunk_rows: int = CHUNK_ROWS,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Compute training features in chunks and write them to a Parquet file.

        Memory grows with the samples and the chunk, not with samples x features.

        Args:
            data: the table, or tables, or prepared table, as in :meth:`transform`.
            as_of: as in :meth:`transform`.
            at: as in :meth:`transform`.
            path: the file to write; it appears only when it is complete.
            chunk_rows: how many rows are computed and written at a time (one row group each).
            threads: how many threads; by default one per core.
            progress: called with (rows done, rows in all).

        Returns:
            The number of rows written: the query's moment as ``as_of``, then the features.
        """
        from aggregators.engine.parquet import write_parquet

        return write_parquet(
            self,
            data,
            path,
            as_of=as_of,
            at=at,
            chunk_rows=chunk_rows,
            threads=threads,
            progress=progress,
        )
