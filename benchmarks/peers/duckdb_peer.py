"""DuckDB: window functions over the sorted events, and an ASOF join to the moments asked for."""

import duckdb
import numpy as np
import pandas as pd

from benchmarks.peers.worker import ALL, FEATURES, Columns, Floats, serve
from benchmarks.workload import MISSING_S

QUERIES = {
    "last_20_mean": """
        WITH means AS (
            SELECT store_id, ready, avg(ready - accepted) OVER (
                PARTITION BY store_id ORDER BY ready, order_id
                ROWS BETWEEN 19 PRECEDING AND CURRENT ROW) AS value,
                row_number() OVER (PARTITION BY store_id, ready ORDER BY order_id DESC) AS rank
            FROM orders WHERE ready IS NOT NULL)
        SELECT q.row, m.value
        FROM orders q ASOF LEFT JOIN (SELECT * FROM means WHERE rank = 1) m
        ON q.store_id = m.store_id AND q.activated > m.ready
    """,
    "open_count": """
        WITH changes AS (
            SELECT store_id, dispatched AS time, 1 AS step
            FROM orders WHERE dispatched IS NOT NULL
            UNION ALL
            SELECT store_id, least(accepted, cancelled), -1
            FROM orders WHERE dispatched IS NOT NULL AND coalesce(accepted, cancelled) IS NOT NULL),
        moments AS (SELECT store_id, time, sum(step) AS step FROM changes GROUP BY ALL),
        counts AS (
            SELECT store_id, time, sum(step) OVER (PARTITION BY store_id ORDER BY time) AS value
            FROM moments)
        SELECT q.row, coalesce(c.value, 0) AS value
        FROM orders q ASOF LEFT JOIN counts c
        ON q.store_id = c.store_id AND q.activated > c.time
    """,
    "trailing_hour_mean": """
        SELECT row, avg(amount) OVER (
            PARTITION BY store_id ORDER BY activated
            RANGE BETWEEN 3600 PRECEDING AND 1 PRECEDING) AS value
        FROM orders
    """,
}


class DuckDB:
    """One thread, an in-memory table as DuckDB stores it, whole seconds as integers."""

    version = duckdb.__version__

    def from_columns(self, columns: Columns) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        self.connection.execute("SET preserve_insertion_order = false")
        names = ("order_id", "store_id", "amount", "activated")
        events = ("dispatched", "accepted", "ready", "cancelled")
        raw = pd.DataFrame({name: columns[name] for name in (*names, *events)})
        raw["row"] = np.arange(len(raw))
        self.connection.register("raw", raw)
        optional = ", ".join(f"nullif({name}, {MISSING_S}) AS {name}" for name in events)
        self.connection.execute(
            f"CREATE TABLE orders AS SELECT row, {', '.join(names)}, {optional} FROM raw"
        )
        self.connection.unregister("raw")

    def whole(self, feature: str) -> Floats | tuple[Floats, ...]:
        if feature == ALL:
            return tuple(self._one(name) for name in FEATURES)
        return self._one(feature)

    def _one(self, feature: str) -> Floats:
        answer = self.connection.execute(QUERIES[feature]).fetchnumpy()
        values = np.full(len(answer["row"]), np.nan)
        found = np.ma.asarray(answer["value"], dtype=np.float64)
        values[np.asarray(answer["row"])] = found.filled(np.nan)
        return values


if __name__ == "__main__":
    serve(DuckDB())
