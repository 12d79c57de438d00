"""Make Arrow columns from Python values, without pandas.

``pyarrow.array`` imports pandas to see whether a value is one of its types: 40 MB of a service that
needs pandas for nothing else. Here columns are made from their buffers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["float_lists", "floats", "integers", "moments", "text_lists", "texts"]


def floats(values: NDArray[np.float64], known: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return float64 values as a column; those that are not known are null.

    >>> floats(np.array([1.5, np.nan]), np.array([True, False])).to_pylist()
    [1.5, None]
    """
    import pyarrow as pa

    buffers = [_bits(known), pa.py_buffer(np.ascontiguousarray(values, np.float64))]
    return pa.Array.from_buffers(pa.float64(), len(values), buffers)


def integers(values: Sequence[int]) -> pa.Array:
    """Return integers as a column of int32.

    >>> integers([3, 4]).to_pylist()
    [3, 4]
    """
    import pyarrow as pa

    return pa.Array.from_buffers(
        pa.int32(), len(values), [None, pa.py_buffer(np.array(values, np.int32))]
    )


def moments(values_us: Sequence[int], kind: pa.DataType) -> pa.Array:
    """Return moments as a column.

    Args:
        values_us: microseconds since 1970.
        kind: a timestamp in microseconds.
    """
    import pyarrow as pa

    buffer = pa.py_buffer(np.array(values_us, np.int64))
    return pa.Array.from_buffers(kind, len(values_us), [None, buffer])


def texts(values: Sequence[str | bytes | None]) -> pa.Array:
    """Return texts as a column: strings, or bytes in UTF-8; None is null.

    >>> texts(["a", None, b"bc"]).to_pylist()
    ['a', None, 'bc']
    """
    import pyarrow as pa

    encoded = [one.encode() if isinstance(one, str) else one or b"" for one in values]
    known = np.array([one is not None for one in values], np.bool_)
    buffers = [
        None if known.all() else _bits(known),
        _offsets(len(one) for one in encoded),
        pa.py_buffer(b"".join(encoded)),
    ]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def text_lists(values: Sequence[Sequence[str]]) -> pa.Array:
    """Return lists of texts as a column.

    >>> text_lists([["a", "b"], []]).to_pylist()
    [['a', 'b'], []]
    """
    return _lists(values, texts([one for row in values for one in row]))


def float_lists(values: Sequence[Sequence[float]]) -> pa.Array:
    """Return lists of float64 values as a column.

    >>> float_lists([[0.5], [0.1, 0.9]]).to_pylist()
    [[0.5], [0.1, 0.9]]
    """
    return _lists(values, floats(np.array([one for row in values for one in row], np.float64)))


def _lists(values: Sequence[Sequence[object]], elements: pa.Array) -> pa.Array:
    import pyarrow as pa

    offsets = _offsets(len(row) for row in values)
    return pa.Array.from_buffers(
        pa.list_(elements.type), len(values), [None, offsets], children=[elements]
    )


def _offsets(lengths: Iterable[int]) -> pa.Buffer:
    """Return where each element ends, from 0 on."""
    import pyarrow as pa

    return pa.py_buffer(np.array([0, *accumulate(lengths)], np.int32))


def _bits(known: NDArray[np.bool_] | None) -> pa.Buffer | None:
    """Return the bitmap of known values; None: all are known."""
    import pyarrow as pa

    return None if known is None else pa.py_buffer(np.packbits(known, bitorder="little"))
