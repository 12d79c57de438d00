"""Compile the walk into one loop for training: its inner kernels are called for every query.

A call passes a dozen arrays, each with seven words and more, which costs about as much as all that
a kernel of the walk does. Serving calls the same kernels once per request; there the compiler's
time matters more, so that they are not inlined where they are defined.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from aggregators.kernels.numba_cache import inlined
from aggregators.kernels.sliding import advance as steps
from aggregators.kernels.sliding import query

__all__ = ["advance_inlined", "answer_inlined"]

Kernel = Callable[..., Any]


def _inlined_copy(kernel: Kernel, **called: Kernel) -> Any:
    """Return a kernel that is compiled into its callers, and calls these kernels by their names."""
    function: Any = getattr(kernel, "py_func", kernel)  # NUMBA_DISABLE_JIT: it is plain Python
    names = {**function.__globals__, **called}
    return inlined(FunctionType(function.__code__, names, function.__name__))


_enter = _inlined_copy(steps.enter)
_leave = _inlined_copy(steps._leave)
advance_inlined = _inlined_copy(
    steps.advance,
    _drop_old=_inlined_copy(steps._drop_old, _leave=_leave),
    _drop_closed=_inlined_copy(steps._drop_closed, _leave=_leave),
    _enter_known=_inlined_copy(steps._enter_known, enter=_enter),
    _enter_new=_inlined_copy(steps._enter_new, enter=_enter),
)
answer_inlined = _inlined_copy(
    query.answer_query, _corrected_sums=_inlined_copy(query._corrected_sums)
)
