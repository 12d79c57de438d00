"""Helpers of the loaders: files, distances, grid cells, local times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estimators.core.errors import DatasetError
from estimators.core.street_grid import EARTH_RADIUS_M, along_and_across
from estimators.core.typing import FloatArray

__all__ = ["distance_m", "grid_cell", "local_to_utc", "read_csv", "street_offsets_m"]

ROWS_MAX = 5_000_000


def read_csv(path: Path, columns: tuple[str, ...], data_set: str) -> pd.DataFrame:
    """Return the named columns of a file, a byte order mark or not.

    Raises:
        DatasetError: no such file, a column is missing, or it has more than ``ROWS_MAX`` rows.
    """
    if not path.is_file():
        raise DatasetError(
            f"no file {path.name} in {path.parent}; expected the folder of the {data_set} data"
        )
    table = pd.read_csv(path, nrows=ROWS_MAX + 1, encoding="utf-8-sig")
    if len(table) > ROWS_MAX:
        raise DatasetError(f"{path.name} has more than {ROWS_MAX:,} rows")
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise DatasetError(f"{path.name} lacks the column(s) {', '.join(absent)}")
    return table[list(columns)]


def distance_m(lat_a: Any, lon_a: Any, lat_b: Any, lon_b: Any) -> FloatArray:
    """Return great-circle distances in metres (haversine), coordinates in degrees.

    Missing coordinates give NaN. R. W. Sinnott, "Virtues of the haversine", 1984.

    >>> np.round(distance_m(60.0, 24.0, 61.0, 24.0))
    np.float64(111195.0)
    """
    lat_a, lon_a, lat_b, lon_b = (np.radians(np.asarray(x)) for x in (lat_a, lon_a, lat_b, lon_b))
    across = np.sin((lon_b - lon_a) / 2.0) ** 2
    half = np.sin((lat_b - lat_a) / 2.0) ** 2 + np.cos(lat_a) * np.cos(lat_b) * across
    result: FloatArray = 2.0 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return result


def street_offsets_m(
    lat_a: Any, lon_a: Any, lat_b: Any, lon_b: Any, *, bearing_deg: float
) -> tuple[FloatArray, FloatArray]:
    """Return how far b lies from a along streets of a bearing, and how far across them, in metres.

    The city is taken as flat: exact to about 0.1% over ten kilometres.

    Args:
        lat_a: coordinates in degrees, missing allowed (NaN).
        lon_a: as above.
        lat_b: as above.
        lon_b: as above.
        bearing_deg: where the streets lead, clockwise from north.

    >>> along_m, across_m = street_offsets_m(0.0, 0.0, 0.01, 0.0, bearing_deg=90.0)
    >>> np.round(along_m), np.round(across_m)
    (np.float64(0.0), np.float64(-1112.0))
    """
    lat_a, lon_a, lat_b, lon_b = (np.radians(np.asarray(x)) for x in (lat_a, lon_a, lat_b, lon_b))
    north_m = EARTH_RADIUS_M * (lat_b - lat_a)
    east_m = EARTH_RADIUS_M * (lon_b - lon_a) * np.cos((lat_a + lat_b) / 2.0)
    return along_and_across(north_m, east_m, bearing_deg)


def grid_cell(
    lat: pd.Series[Any], lon: pd.Series[Any], *, lat_step: float, lon_step: float
) -> pd.Series[Any]:
    """Return the cell of a grid that each place lies in, named by its south-western corner.

    Args:
        lat: degrees, missing allowed: such a place has no cell.
        lon: degrees.
        lat_step: height of a cell in degrees, whole thousandths.
        lon_step: width of a cell in degrees, whole thousandths.

    >>> grid_cell(
    ...     pd.Series([60.169]), pd.Series([24.941]), lat_step=0.01, lon_step=0.02
    ... ).tolist()
    ['60.160 24.940']
    """
    known = lat.notna() & lon.notna()
    # Whole micro-degrees: a place on a line between two cells is in one of them, on any machine.
    corners = []
    for column, step in ((lat, lat_step), (lon, lon_step)):
        micro = np.round(column[known].to_numpy(np.float64) * 1e6).astype(np.int64)
        size = round(step * 1e6)
        corners.append((micro // size * size) / 1e6)
    names = [f"{south:.3f} {west:.3f}" for south, west in zip(*corners, strict=True)]
    result: pd.Series[Any] = pd.Series(None, index=lat.index, dtype=object)
    result[known] = names
    return result


def local_to_utc(column: pd.Series[Any], timezone: str) -> pd.Series[Any]:
    """Return naive local times, as text or datetimes, as moments in UTC.

    A time that the local clock shows twice (when summer time ends) or never (when it begins) says
    no moment: it is missing rather than wrong by an hour.

    Raises:
        DatasetError: a text that is no time, or a time that carries an offset.

    >>> times = pd.Series(["2020-08-01 12:00", "2020-10-25 03:30", "2020-03-29 03:30", None])
    >>> [str(moment) for moment in local_to_utc(times, "Europe/Helsinki")]
    ['2020-08-01 09:00:00+00:00', 'NaT', 'NaT', 'NaT']
    """
    try:
        times = pd.to_datetime(column, format="ISO8601")
    except ValueError as error:
        raise DatasetError(f"column {column.name!r}: {error}") from error
    if times.dt.tz is not None:
        raise DatasetError(f"column {column.name!r} has offsets; expected local times without")
    local = times.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    return local.dt.tz_convert("UTC")
