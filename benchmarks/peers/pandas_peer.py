"""Plain pandas, as a careful data scientist writes it: rolling windows and `merge_asof`."""

import numpy as np
import pandas as pd

from benchmarks.peers.tables import pandas_table
from benchmarks.peers.worker import ALL, FEATURES, Columns, Floats, serve


class Pandas:
    """The features as groupby-rolling and as-of merges, values back in row order."""

    version = pd.__version__

    def from_columns(self, columns: Columns) -> None:
        self.orders = pandas_table(columns)

    def whole(self, feature: str) -> Floats | tuple[Floats, ...]:
        calls = (self._last_20_mean, self._open_count, self._trailing_hour_mean)
        if feature == ALL:
            return tuple(call() for call in calls)
        return calls[FEATURES.index(feature)]()

    def _last_20_mean(self) -> Floats:
        ready = self.orders.dropna(subset=["ready"]).sort_values(["ready", "order_id"])
        ready["value"] = (ready["ready"] - ready["accepted"]).dt.total_seconds()
        rolling = ready.groupby("store_id")["value"].rolling(20, min_periods=1).mean()
        ready["value"] = rolling.droplevel(0).reindex(ready.index)
        return self._as_of(ready[["ready", "store_id", "value"]], "ready")

    def _open_count(self) -> Floats:
        orders = self.orders[self.orders["dispatched"].notna()]
        left = orders[["accepted", "cancelled"]].min(axis=1)
        came = pd.DataFrame(
            {"time": orders["dispatched"], "store_id": orders["store_id"], "step": 1.0}
        )
        went = pd.DataFrame({"time": left, "store_id": orders["store_id"], "step": -1.0})
        changes = pd.concat([came, went.dropna(subset=["time"])]).sort_values("time")
        changes["value"] = changes.groupby("store_id")["step"].cumsum()
        return np.nan_to_num(self._as_of(changes[["time", "store_id", "value"]], "time"))

    def _trailing_hour_mean(self) -> Floats:
        orders = self.orders.sort_values(["store_id", "activated"])
        rolling = orders.groupby("store_id").rolling("1h", on="activated", closed="left")
        values = rolling["amount"].mean().to_numpy()
        result = np.empty(len(orders))
        result[orders.index.to_numpy()] = values
        return result

    def _as_of(self, values: pd.DataFrame, time: str) -> Floats:
        queries = self.orders[["store_id", "activated"]].assign(row=np.arange(len(self.orders)))
        queries = queries.sort_values("activated", kind="stable")
        merged = pd.merge_asof(
            queries,
            values,
            left_on="activated",
            right_on=time,
            by="store_id",
            allow_exact_matches=False,
        )
        result = np.empty(len(merged))
        result[merged["row"].to_numpy()] = merged["value"].to_numpy()
        return result


if __name__ == "__main__":
    serve(Pandas())
