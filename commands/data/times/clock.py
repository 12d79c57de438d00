"""Turn times of a local clock into moments, those that it shows twice or never as well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import pandas as pd

__all__ = ["AmbiguousTimes", "Localised", "localised"]

AmbiguousTimes: TypeAlias = Literal["earlier", "later", "drop"]
"""Which of the two moments is taken that a doubled or skipped time can be; drop: none."""


class Localised(NamedTuple):
    """Moments of a clock.

    Args:
        moments: in UTC.
        n_ambiguous: how many times the clock showed twice or never.
    """

    moments: pd.Series[Any]
    n_ambiguous: int


def localised(local: pd.Series[Any], zone: str, ambiguous: AmbiguousTimes) -> Localised:
    """Return what a clock showed as moments in UTC.

    When summer time ends, an hour is shown twice. When it begins, an hour is skipped: a time in it
    is that of a clock which was not yet, or already, put forward. So both are two moments.

    Args:
        local: times without an offset.
        zone: IANA name of the clock.
        ambiguous: what becomes of such times.

    >>> local = pd.Series(pd.to_datetime(["2027-03-28 02:30", "2027-10-31 02:30"]))
    >>> localised(local, "Europe/Madrid", "earlier").moments.dt.strftime("%H:%M").tolist()
    ['00:30', '00:30']
    >>> localised(local, "Europe/Madrid", "later").moments.dt.strftime("%H:%M").tolist()
    ['01:30', '01:30']
    """
    found = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    missed = local.notna() & found.isna()
    n_ambiguous = int(missed.sum())
    if n_ambiguous and ambiguous != "drop":
        clock = ZoneInfo(zone)
        # Few times are so, and they repeat: each is looked up once.
        moments = {
            time: _moment(time.to_pydatetime(), clock, ambiguous) for time in local[missed].unique()
        }
        found = found.copy()
        found.loc[missed] = local[missed].map(moments).astype(found.dtype)
    return Localised(found, n_ambiguous)


def _moment(time: datetime, clock: ZoneInfo, ambiguous: AmbiguousTimes) -> datetime:
    both = [time.replace(tzinfo=clock, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(both) if ambiguous == "earlier" else max(both)
