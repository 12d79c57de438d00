"""Hand kernels that other kernels call to the compiler as parts: optimised once, in their caller.

Numba would optimise each called kernel with all that it calls, and again with each of its own
callers, and would make machine code of it every time. Nobody but the caller runs that code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import codegen
from numba.core.compiler import Compiler

__all__ = ["PartCompiler", "run_from_python_by"]

_Library: Any = codegen.JITCodeLibrary  # numba has no annotations
_Compiler: Any = Compiler


class _PartLibrary(_Library):  # type: ignore[misc]
    """Holds the code of a part, and of all that it calls, as it was before optimisation."""

    def finalize(self) -> None:
        """Link what the part calls; the library that links this one optimises both together."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._final_module.verify()
        self._finalized = True

    @property
    def codegen(self) -> Any:
        """What numba tells where a compiled function finds its Python objects: a part has none."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Ignore the Python objects."""

    def get_pointer_to_function(self, name: str) -> int:
        """Return that there is no machine code."""
        return 0


class PartCompiler(_Compiler):  # type: ignore[misc]
    """Compiles a function for its callers alone; ``run_from_python_by`` must guard it."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a Python function."""
        generator = self.state.targetctx.codegen()
        self.state.library = _PartLibrary(generator, func.__qualname__)
        return super().compile_extra(func)


def run_from_python_by(dispatcher: Any, make: Callable[[], Any]) -> None:
    """Let calls from Python run another compiled function: a part has no machine code.

    Args:
        dispatcher: of the part.
        make: returns the other one; called at the first call from Python.
    """
    made: list[Any] = []

    def other(*_: Any, **__: Any) -> Any:
        if not made:
            made.append(make())
        return made[0]

    dispatcher._insert = lambda *_: None  # what numba finds here it would jump to
    dispatcher._compile_for_args = other  # numba calls what this returns
