"""Sort texts of one length, as generated ids are: by whole numbers of eight of their bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aggregators.typing import Int64Array

__all__ = ["equally_long_order"]

KEY_BYTES = 8
"""So many bytes after those that all texts begin with make the number by which they are sorted."""

TIED_SHARE_MAX = 1 / 64
"""If more of the numbers are equal, comparing texts is faster."""


def equally_long_order(texts: pa.Array) -> Int64Array | None:
    """Return the rows in the order of the texts' UTF-8 bytes; None where this is not fast.

    Args:
        texts: strings, none missing.

    >>> equally_long_order(pa.array(["id-07", "id-31", "id-04"])).tolist()
    [2, 0, 1]
    """
    block = _bytes_of(texts)
    if block is None:
        return None
    keys = _keys(block)
    order = np.argsort(keys)
    ordered = keys[order]
    tied = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(tied) > TIED_SHARE_MAX * len(keys):
        return None
    _sort_tied(order, tied, block)
    return order


def _bytes_of(texts: pa.Array) -> NDArray[np.uint8] | None:
    """Return the texts' bytes, shape (n_texts, n_bytes); None if their lengths differ."""
    _, offset_buffer, data = texts.buffers()
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(offset_buffer, kind)[texts.offset : texts.offset + len(texts) + 1]
    length = int(offsets[1] - offsets[0])
    if length == 0 or (np.diff(offsets) != length).any():
        return None
    given = np.frombuffer(data, np.uint8)[int(offsets[0]) : int(offsets[-1])]
    return given.reshape(len(texts), length)


def _keys(block: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return eight bytes of each text, from the first on that differs, as a number."""
    length = block.shape[1]
    differing = (i for i in range(length) if (block[:, i] != block[0, i]).any())
    first = next(differing, length - 1)
    width = min(KEY_BYTES, length - first)
    padded = np.zeros((len(block), KEY_BYTES), np.uint8)
    padded[:, :width] = block[:, first : first + width]
    return padded.view(">u8").ravel().astype(np.uint64)


def _sort_tied(order: Int64Array, tied: Int64Array, block: NDArray[np.uint8]) -> None:
    """Bring rows of equal keys into the order of their texts.

    Args:
        order: the rows by their keys; changed.
        tied: places in ``order`` whose key is that of the next place, ascending.
        block: the texts' bytes.
    """
    starts = np.flatnonzero(np.diff(tied, prepend=-2) > 1).tolist()
    for first, last in pairwise([*starts, len(tied)]):
        run = slice(int(tied[first]), int(tied[last - 1]) + 2)
        order[run] = sorted(order[run].tolist(), key=lambda row: (block[row].tobytes(), row))
