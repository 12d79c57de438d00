"""Compile kernels: once per installation, without the GIL, never from outdated parts.

A kernel declares one list of argument types and is compiled for this list alone. So it is known
beforehand what there is to compile, and a service can compile it before it is ready.
"""

from __future__ import annotations

import functools
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from aggregators.kernels.parts import PartCompiler, run_from_python_by
from aggregators.kernels.shipped.kernel_cache import ShippedKernelCache
from aggregators.kernels.stale_cache import drop_stale_cache

__all__ = ["Kernel", "compiled", "inlined", "inner", "known_kernels"]

P = ParamSpec("P")
R = TypeVar("R")
Inner = TypeVar("Inner", bound=Callable[..., Any])

_FOLDER = Path(__file__).parent
_SOURCES = sorted(_FOLDER.rglob("*.py"))
drop_stale_cache(
    _SOURCES,
    stamp=_FOLDER / "__pycache__" / "kernels.sha256",
    folders=sorted({path.parent for path in _SOURCES}),
)


def _jit(function: Callable[..., Any], **options: Any) -> Any:
    make: Any = njit  # numba's own annotations do not know all options
    # Kernels are not called from C: the wrapper for it would take time to compile.
    return make(nogil=True, no_cfunc_wrapper=True, **options)(function)


class Kernel(Generic[P, R]):
    """Compiles a function for one list of argument types, when it is first called.

    Arguments of other types do not compile it again. Arrays of another layout, and read-only
    arrays, are copied into the declared type; what the kernel writes is copied back.

    Args:
        function: what is compiled.
        signature: the types of its arguments; see :mod:`aggregators.kernels.argument_types`.
        is_for_training: whether only training calls it, so that services need not compile it.
        is_large: whether it takes longest to compile, so that it had better be begun first.
    """

    def __init__(
        self,
        function: Callable[P, R],
        signature: tuple[Any, ...],
        *,
        is_for_training: bool = False,
        is_large: bool = False,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self.module = function.__module__
        self.name = f"{self.module}:{function.__qualname__}"
        self.signature = signature
        self.is_for_training = is_for_training
        self.is_large = is_large
        self._call = _jit(function, cache=True)
        self._is_compiled = self._call is function  # NUMBA_DISABLE_JIT: it runs as plain Python
        if not self._is_compiled:
            self._call._cache = ShippedKernelCache(self._call._cache, self.name)
        self._compiling = threading.Lock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the kernel."""
        if not self._is_compiled:
            self.compile()
        try:
            return cast(R, self._call(*args, **kwargs))
        except TypeError:  # the arguments fit no declared type; compiled code raises none
            return self._converted(*args, **kwargs)

    def compile(self) -> None:
        """Compile the kernel, or load it from a cache or the wheel; later calls do nothing."""
        with self._compiling:
            if self._is_compiled:
                return
            try:
                self._call.compile(self.signature)
            except (AttributeError, ImportError, EOFError, pickle.UnpicklingError):
                # Numba unpickles the index of its cache before it compares the source's stamp. An
                # index of an older version may name a type that has been renamed since.
                self._delete_index()
                self._call.compile(self.signature)
            self._call.disable_compile()
            self._is_compiled = True

    @property
    def is_cached(self) -> bool:
        """Whether the wheel has the kernel, or numba's cache some version, maybe an old one."""
        if self._is_compiled or any(self._index_files()):
            return True
        return bool(self._call._cache.is_shipped)

    def _index_files(self) -> Iterator[Path]:
        folder = Path(self._call.stats.cache_path)
        stem, function = self.module.rpartition(".")[2], self._function.__qualname__
        return folder.glob(f"{stem}.{function}-*.nbi")

    def _delete_index(self) -> None:
        for file in list(self._index_files()):
            file.unlink(missing_ok=True)

    def _converted(self, *args: Any) -> R:
        if len(args) != len(self.signature) or self._call is self._function:
            return cast(R, self._call(*args))  # raises the error once more
        copies: list[tuple[NDArray[Any], NDArray[Any]]] = []
        given = [
            _as_declared(value, kind, copies)
            for value, kind in zip(args, self.signature, strict=True)
        ]
        result = self._call(*given)
        for original, copy in copies:
            if original.flags.writeable:
                original[...] = copy
        return cast(R, result)


def _as_declared(value: Any, kind: Any, copies: list[tuple[NDArray[Any], NDArray[Any]]]) -> Any:
    """Return a value in its declared type; copied arrays are added to ``copies``."""
    if isinstance(kind, types.Array):
        return _array_as_declared(value, kind, copies)
    if isinstance(kind, types.BaseTuple):
        kinds: tuple[Any, ...] = tuple(cast(Any, kind))
        if len(value) != len(kinds):
            raise TypeError(f"a tuple of {len(value)} values came; expected {len(kinds)}")
        pairs = zip(value, kinds, strict=True)
        parts = [_as_declared(one, of, copies) for one, of in pairs]
        return type(value)(*parts) if isinstance(kind, types.BaseNamedTuple) else tuple(parts)
    if kind == types.float64:
        return float(value)
    return value


def _array_as_declared(
    value: Any, kind: Any, copies: list[tuple[NDArray[Any], NDArray[Any]]]
) -> NDArray[Any]:
    dtype = np.dtype(str(kind.dtype) if kind.dtype != types.boolean else "bool")
    if value.ndim != kind.ndim or not np.can_cast(value.dtype, dtype, "safe"):
        raise TypeError(
            f"an array of {value.ndim} dimensions of {value.dtype} came; expected {kind.ndim}"
            f" dimensions of {dtype}"
        )
    flags = value.flags
    if value.dtype == dtype and flags.c_contiguous and flags.writeable and flags.aligned:
        return cast(NDArray[Any], value)
    copy = np.array(value, dtype, order="C")
    copies.append((value, copy))
    return copy


_KERNELS: list[Kernel[Any, Any]] = []


def compiled(
    *signature: Any, is_for_training: bool = False, is_large: bool = False
) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Compile a kernel for these argument types, and keep the result for the next process.

    Args:
        signature: types of the arguments; see :mod:`aggregators.kernels.argument_types`.
        is_for_training: whether only training calls it, so that services need not compile it.
        is_large: whether it takes longest to compile, so that it had better be begun first.
    """

    def compile_later(function: Callable[P, R]) -> Kernel[P, R]:
        kernel = Kernel(function, signature, is_for_training=is_for_training, is_large=is_large)
        _KERNELS.append(kernel)
        return kernel

    return compile_later


def known_kernels() -> tuple[Kernel[Any, Any], ...]:
    """Return the kernels of all modules that are loaded."""
    return tuple(_KERNELS)


def inner(kernel: Inner) -> Inner:
    """Compile a kernel that other kernels call in their loops; it must not allocate.

    It has no reference counts of numba: each call would count its arrays up and down with atomic
    instructions, which costs ten times what most of these kernels do.
    """
    # What is first called by an inlined kernel would be compiled into all of its callers, too.
    return _part(kernel, forceinline=False)


def inlined(kernel: Inner) -> Inner:
    """Compile an inner kernel into its callers: to pass a dozen arrays is not free."""
    return _part(kernel, forceinline=True)


def _part(kernel: Inner, *, forceinline: bool) -> Inner:
    dispatcher = _jit(
        kernel,
        forceinline=forceinline,
        _nrt=False,
        no_cpython_wrapper=True,
        pipeline_class=PartCompiler,
    )
    if dispatcher is not kernel:  # NUMBA_DISABLE_JIT: a plain function
        _without_constants(dispatcher)
        run_from_python_by(dispatcher, lambda: _jit(kernel, cache=not forceinline, _nrt=False))
    return cast(Inner, dispatcher)


def _without_constants(dispatcher: Any) -> None:
    """Let numba compile a kernel once, and not once for each constant that it is called with."""
    get_call_template = dispatcher.get_call_template
    unliteral: Any = types.unliteral

    def of_any_number(args: Any, kws: Any) -> Any:
        return get_call_template(tuple(unliteral(one) for one in args), kws)

    dispatcher.get_call_template = of_any_number
