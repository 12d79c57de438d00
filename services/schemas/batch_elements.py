"""Split a JSON array into the texts of its elements, even if some are invalid.

A decoder refuses a whole array for one invalid element: a lone surrogate, a thousand nested lists,
the NaN that Python writes. Events of one batch are independent, so an invalid one must not refuse
the others.
"""

from __future__ import annotations

import re

__all__ = ["elements_of"]

# A string with all of its escapes, or one character that opens, closes or divides. A quotation mark
# that begins no complete string is matched alone, and ends the walk.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["\[\]{},]', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"


def elements_of(body: bytes) -> list[bytes] | None:
    """Return the texts of an array's elements; None if the text is not one closed array.

    Only brackets, commas and strings are parsed; elements are not validated.

    >>> elements_of(b'[{"a": [1, 2]}, NaN, "],"]')
    [b'{"a": [1, 2]}', b'NaN', b'"],"']
    >>> elements_of(b'[{"a": 1},') is None
    True
    """
    body = body.strip()
    if body[:1] != b"[":
        return None
    found: list[bytes] = []
    depth, start = 0, 1
    for token in _TOKEN.finditer(body):
        text = token.group()
        if text == b'"':
            return None
        if text in _OPENING:
            depth += 1
        elif text in _CLOSING:
            depth -= 1
        if depth == 0:  # the array's own bracket
            found.append(body[start : token.start()].strip())
            return found if token.end() == len(body) and all(found) else None
        if depth == 1 and text == b",":
            found.append(body[start : token.start()].strip())
            start = token.end()
    return None
