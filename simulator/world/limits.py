"""Check that the numbers of a declaration are within their limits."""

from __future__ import annotations

__all__ = ["check_between"]


def check_between(
    name: str, value: float | tuple[float, ...], lowest: float, highest: float
) -> None:
    """Raise ``ValueError`` unless a number, or each of some, is within limits.

    >>> check_between("days", 7, 1, 400)
    >>> check_between("share", (0.2, 1.5), 0.0, 1.0)
    Traceback (most recent call last):
    ...
    ValueError: share is (0.2, 1.5); it must be between 0.0 and 1.0
    """
    for number in value if isinstance(value, tuple) else (value,):
        if not lowest <= number <= highest:
            raise ValueError(f"{name} is {value}; it must be between {lowest} and {highest}")
