"""temporian 0.9.0, run by the interpreter of its own environment (it needs numpy < 2).

Its sliding windows are `(t - w, t]` over float seconds. The orders' times are whole seconds, so
asking half a second earlier gives `[t - w, t)`: the window of everybody else here.
"""

from typing import Any

import numpy as np
import temporian as tp

from benchmarks.peers.worker import ALL, FEATURES, Columns, Floats, serve
from benchmarks.workload import MISSING_S

HALF_A_SECOND = 0.5
HOUR_S = 3_600.0
FOREVER_S = 1e12


class Temporian:
    """The fastest way found to say each feature with temporian's operators."""

    version = tp.__version__

    def from_columns(self, columns: Columns) -> None:
        self.columns = columns

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

    def _event_set(self, store: Any, time_s: Any, **features: Any) -> Any:
        return tp.event_set(
            timestamps=time_s,
            features={"store_id": store, **features},
            indexes=["store_id"],
            is_unix_timestamp=True,
        )

    def _queries(self) -> Any:
        columns = self.columns
        row = np.arange(len(columns["store_id"]), dtype=np.int64)
        return self._event_set(columns["store_id"], columns["activated"] - HALF_A_SECOND, row=row)

    def _ready(self) -> Any:
        columns = self.columns
        happened = columns["ready"] != MISSING_S
        preparation_s = (columns["ready"] - columns["accepted"])[happened].astype(np.float64)
        return self._event_set(
            columns["store_id"][happened], columns["ready"][happened], value=preparation_s
        )

    def _changes(self) -> Any:
        """One event of +1 where an order is dispatched, one of -1 where it leaves the queue."""
        columns = self.columns
        dispatched, store = columns["dispatched"], columns["store_id"]
        far = np.iinfo(np.int64).max
        accepted = np.where(columns["accepted"] == MISSING_S, far, columns["accepted"])
        cancelled = np.where(columns["cancelled"] == MISSING_S, far, columns["cancelled"])
        left = np.minimum(accepted, cancelled)
        came, went = dispatched != MISSING_S, (dispatched != MISSING_S) & (left != far)
        step = np.concatenate([np.ones(came.sum()), -np.ones(went.sum())]).astype(np.float32)
        return self._event_set(
            np.concatenate([store[came], store[went]]),
            np.concatenate([dispatched[came], left[went]]),
            value=step,
        )

    def _amounts(self) -> Any:
        columns = self.columns
        return self._event_set(columns["store_id"], columns["activated"], value=columns["amount"])

    def _in_row_order(self, result: Any, queries: Any) -> Floats:
        values = np.full(len(self.columns["store_id"]), np.nan)
        for key, data in result.data.items():
            values[queries.data[key].features[0]] = data.features[0]
        return values


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
