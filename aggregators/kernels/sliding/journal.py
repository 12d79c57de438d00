"""Write down which values came last into a window, so that a request may go back by a little.

A journal is a row of ``journals``: how many values have been noted, the earliest moment to which
the window can go back, and pairs of (moment from which the value is known, row).
"""

from __future__ import annotations

from aggregators.kernels.numba_cache import inlined
from aggregators.typing import Int64Array

__all__ = ["FLOOR", "JOURNAL_SIZE", "JOURNAL_WIDTH", "clear_journal", "note", "recent"]

NOTED, FLOOR, ENTRIES = range(3)
JOURNAL_SIZE = 256
"""So many values that came last can be taken out again."""
JOURNAL_WIDTH = ENTRIES + 2 * JOURNAL_SIZE

NOBODY = -1


@inlined
def clear_journal(journals: Int64Array, journal: int, floor: int) -> None:
    """Forget all values; before ``floor`` there is no way back."""
    journals[journal, NOTED] = 0
    journals[journal, FLOOR] = floor


@inlined
def note(journals: Int64Array, journal: int, known: int, row: int) -> None:
    """Write down that a value has entered; the oldest entry gives way."""
    noted = journals[journal, NOTED]
    place = ENTRIES + 2 * (noted % JOURNAL_SIZE)
    if noted >= JOURNAL_SIZE and journals[journal, place + 1] != NOBODY:
        floor = journals[journal, FLOOR]
        journals[journal, FLOOR] = max(floor, journals[journal, place] + 1)
    journals[journal, place] = known
    journals[journal, place + 1] = row
    journals[journal, NOTED] = noted + 1


@inlined
def recent(journals: Int64Array, journal: int, moment: int, found: Int64Array) -> int:
    """Take out the entries from a moment on; write them, the latest first; return how many.

    An entry may be outdated, or stand twice; of two equal ones one is written.
    """
    n = 0
    for i in range(min(journals[journal, NOTED], JOURNAL_SIZE)):
        place = ENTRIES + 2 * i
        known, row = journals[journal, place], journals[journal, place + 1]
        if row == NOBODY or known < moment:
            continue
        journals[journal, place + 1] = NOBODY
        j = n
        while j > 0 and (
            found[j - 1, 0] < known or (found[j - 1, 0] == known and found[j - 1, 1] < row)
        ):
            j -= 1
        if j > 0 and found[j - 1, 0] == known and found[j - 1, 1] == row:
            continue
        for k in range(n, j, -1):
            found[k, 0], found[k, 1] = found[k - 1, 0], found[k - 1, 1]
        found[j, 0], found[j, 1] = known, row
        n += 1
    return n
