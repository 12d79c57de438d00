"""The table that pandas, temporian and Doorstep start from: UTC datetimes, ids as given."""

import numpy as np
import pandas as pd

from benchmarks.peers.worker import Columns
from benchmarks.workload import MISSING_S

EVENTS = ("activated", "dispatched", "accepted", "ready", "cancelled")


def pandas_table(columns: Columns) -> pd.DataFrame:
    """The columns that the three features need, as a DataFrame; its index is the row number."""
    table = {name: pd.Series(_ids(columns[name])) for name in ("order_id", "store_id")}
    table["amount"] = pd.Series(columns["amount"])
    for event in EVENTS:
        seconds = columns[event]
        micros = np.where(seconds == MISSING_S, MISSING_S, seconds * 1_000_000)
        table[event] = pd.Series(pd.DatetimeIndex(micros.view("M8[us]")).tz_localize("UTC"))
    return pd.DataFrame(table)


def _ids(ids: np.ndarray) -> pd.Series:
    """Integers stay integers; fixed-width text becomes what pandas keeps text in."""
    return pd.Series(ids) if ids.dtype.kind == "i" else pd.Series(ids.astype(object), dtype="str")
