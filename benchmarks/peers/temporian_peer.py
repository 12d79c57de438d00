"""temporian 0.9.0, run by the interpreter of its own environment (it needs numpy < 2).

Its sliding windows are `(t - w, t]`, over float seconds. The orders' times are whole seconds, so
asking half a second earlier gives `[t - w, t)`: the window of everybody else here.
"""

import logging
from typing import Any

import numpy as np
import pandas as pd
import temporian as tp

from benchmarks.peers.tables import EVENTS, pandas_table
from benchmarks.peers.worker import ALL, FEATURES, Columns, Floats, serve

logging.disable(logging.WARNING)  # it tells at every call that it makes bytes of text

HALF_A_SECOND = pd.Timedelta(milliseconds=500)
HOUR_S = 3_600.0
FOREVER_S = 1e12


class Temporian:
    """The fastest way found to say each feature with temporian's operators."""

    version = tp.__version__

    def from_columns(self, columns: Columns) -> None:
        orders = pandas_table(columns)
        for event in EVENTS:  # it takes datetimes with a zone too, but forty times more slowly
            orders[event] = orders[event].dt.tz_localize(None)
        self.orders = orders

    def index(self) -> None:
        """Everything the three features read, as temporian's own sorted event sets."""
        self.queries = self._queries()
        self.ready = self._ready()
        self.changes = self._changes()
        self.amounts = self._amounts()

    def core(self, feature: str) -> Any:
        if feature == ALL:
            return tuple(self.core(name) for name in FEATURES)
        if feature == "last_20_mean":
            return _last_20_mean(self.ready, self.queries)
        if feature == "open_count":
            return _open_count(self.changes, self.queries)
        return _trailing_hour_mean(self.amounts, self.queries)

    def whole(self, feature: str) -> Floats | tuple[Floats, ...]:
        queries = self._queries()
        if feature == ALL:
            return tuple(self._one(name, queries) for name in FEATURES)
        return self._one(feature, queries)

    def _one(self, feature: str, queries: Any) -> Floats:
        if feature == "last_20_mean":
            return self._in_row_order(_last_20_mean(self._ready(), queries), queries)
        if feature == "open_count":
            counts = self._in_row_order(_open_count(self._changes(), queries), queries)
            return np.nan_to_num(counts, nan=0.0)
        return self._in_row_order(_trailing_hour_mean(self._amounts(), queries), queries)

    def _queries(self) -> Any:
        orders = self.orders
        table = pd.DataFrame(
            {
                "store_id": orders["store_id"],
                "time": orders["activated"] - HALF_A_SECOND,
                "row": np.arange(len(orders)),
            }
        )
        return _event_set(table)

    def _ready(self) -> Any:
        ready = self.orders[self.orders["ready"].notna()]
        preparation_s = (ready["ready"] - ready["accepted"]).dt.total_seconds()
        table = {"store_id": ready["store_id"], "time": ready["ready"], "value": preparation_s}
        return _event_set(pd.DataFrame(table))

    def _changes(self) -> Any:
        """One event of +1 where an order is dispatched, one of -1 where it leaves the queue."""
        orders = self.orders[self.orders["dispatched"].notna()]
        came = orders[["store_id", "dispatched"]].set_axis(["store_id", "time"], axis=1)
        went = pd.DataFrame(
            {"store_id": orders["store_id"], "time": orders[["accepted", "cancelled"]].min(axis=1)}
        ).dropna(subset=["time"])
        table = pd.concat([came.assign(value=1.0), went.assign(value=-1.0)], ignore_index=True)
        return _event_set(table)

    def _amounts(self) -> Any:
        columns = {"store_id": "store_id", "activated": "time", "amount": "value"}
        return _event_set(self.orders[list(columns)].rename(columns=columns))

    def _in_row_order(self, result: Any, queries: Any) -> Floats:
        table = tp.to_pandas(tp.glue(queries, result.rename("value")), timestamps=False)
        values = np.full(len(self.orders), np.nan)
        values[table["row"].to_numpy()] = table["value"].to_numpy()
        return values


def _event_set(table: pd.DataFrame) -> Any:
    return tp.from_pandas(table, indexes=["store_id"], timestamps="time")


def _last_20_mean(ready: Any, queries: Any) -> Any:
    """The window reaches back to (and excludes) the 21st last; where several share a moment with
    the 20th last, more than 20 are in it."""
    window = ready.since_last(steps=21, sampling=queries).fillna(FOREVER_S)
    return ready.simple_moving_average(window)


def _open_count(changes: Any, queries: Any) -> Any:
    return changes.cumsum(sampling=queries)


def _trailing_hour_mean(amounts: Any, queries: Any) -> Any:
    return amounts.simple_moving_average(HOUR_S, sampling=queries)


if __name__ == "__main__":
    serve(Temporian())
