"""Declare and check the private names of BentoML that this project uses.

BentoML can change them in any release. Each name is declared here with its expected parameters and
attributes. A service checks them before it starts, and names a difference in one sentence. Only
this room imports them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.core.errors import ServiceError

__all__ = [
    "INTERNALS",
    "KNOWN_VERSION",
    "REPLACED",
    "Internal",
    "InternalChanged",
    "check_internals",
    "original",
]

KNOWN_VERSION = "1.4.39"
"""The version of BentoML with which all names were checked; the locks pin it."""

REPLACED = "__replaced__"
"""The attribute in which a replacement keeps BentoML's original class."""

_LIBRARY = "bentoml"
_PRIVATE = "bentoml._internal"


class InternalChanged(ServiceError):
    """Raised when a name of BentoML differs from what this project expects."""


@dataclass(frozen=True, kw_only=True)
class Internal:
    """Declares one name of BentoML and what is expected of it.

    Args:
        module: the module that defines it.
        name: its name in the module, with dots for members of a class.
        use: what the project uses it for.
        parameters: names of the parameters of a call; None: it is not called.
        attributes: required attributes.
    """

    module: str
    name: str
    use: str
    parameters: tuple[str, ...] | None = None
    attributes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The module and the name, with a dot."""
        return f"{self.module}.{self.name}"

    def problem(self) -> str:
        """Return the difference from the expectation in words; empty if there is none."""
        try:
            found: Any = importlib.import_module(self.module)
            for step in self.name.split("."):
                found = original(getattr(found, step))
        except (ImportError, AttributeError) as error:
            return f"is missing ({error})"
        lacks = [name for name in self.attributes if not _has(found, name)]
        if lacks:
            return f"has no {' and no '.join(lacks)}"
        if self.parameters is None:
            return ""
        try:
            takes = tuple(inspect.signature(found).parameters)
        except (TypeError, ValueError):
            return f"is a {type(found).__name__}, which cannot be called"
        if takes != self.parameters:
            return f"takes ({', '.join(takes)}) instead of ({', '.join(self.parameters)})"
        return ""


def original(found: Any) -> Any:
    """Return BentoML's original of a name that this project has replaced."""
    return getattr(found, REPLACED, found)


def _has(found: Any, name: str) -> bool:
    return name in found if isinstance(found, dict) else hasattr(found, name)


_ASGI = ("self", "scope", "receive", "send")
_LOGGING = ("formatters", "handlers", "loggers", "root")

INTERNALS: tuple[Internal, ...] = (
    Internal(
        module=f"{_PRIVATE}.server.http.traffic",
        name="TimeoutMiddleware",
        use="is replaced: the guard ends requests whose time is over",
        parameters=("app", "timeout"),
    ),
    Internal(
        module=f"{_PRIVATE}.server.http.instruments",
        name="RunnerTrafficMetricsMiddleware",
        use="is replaced: unknown paths are counted under one name; its instruments count requests",
        parameters=("app", "namespace", "skip_paths"),
        attributes=("_setup",),
    ),
    Internal(
        module=f"{_PRIVATE}.server.http.instruments",
        name="RunnerTrafficMetricsMiddleware.__call__",
        use="is called with the path under which a request is counted",
        parameters=_ASGI,
    ),
    Internal(
        module=f"{_PRIVATE}.context",
        name="server_context",
        use="tells a worker from a test, and the paths of a service from others",
        attributes=("worker_index", "service_routes"),
    ),
    Internal(
        module=f"{_PRIVATE}.service.openapi.specification",
        name="Schema",
        use="carries the schemas of requests and answers into the description",
        attributes=("__attrs_attrs__",),
    ),
    Internal(
        module=f"{_PRIVATE}.configuration.containers",
        name="BentoMLContainer.prometheus_multiproc_dir",
        use="is set: each service has a folder of its own for metrics",
        attributes=("set", "get"),
    ),
    Internal(
        module=f"{_PRIVATE}.configuration.containers",
        name="BentoMLContainer.model_store",
        use="is the folder of the model store",
        attributes=("get",),
    ),
    Internal(
        module=f"{_PRIVATE}.configuration.containers",
        name="BentoMLContainer.model_aliases",
        use="names models that a bento has under another name",
        attributes=("get",),
    ),
    Internal(
        module=f"{_PRIVATE}.log",
        name="CLI_LOGGING_CONFIG",
        use="is changed: the log has one format",
        attributes=_LOGGING,
    ),
    Internal(
        module=f"{_PRIVATE}.log",
        name="SERVER_LOGGING_CONFIG",
        use="is changed: the log has one format",
        attributes=_LOGGING,
    ),
    Internal(
        module="_bentoml_impl.server.serving",
        name="_SERVICE_WORKER_SCRIPT",
        use="is replaced: workers begin with the log, and end with their server",
    ),
    Internal(
        module="_bentoml_impl.worker.service",
        name="main",
        use="is the worker that is begun then",
        parameters=("args", "kwargs"),
    ),
    Internal(
        module="bentoml_cli.cli",
        name="cli",
        use="serves",
        parameters=("args", "kwargs"),
        attributes=("commands",),
    ),
    Internal(
        module="_bentoml_sdk",
        name="Service",
        use="is what a service becomes, with its class, endpoints and description",
        parameters=(
            "name", "config", "inner", "image", "description", "path_prefix", "envs", "labels",
            "models", "cmd", "apis",
        ),
        attributes=("openapi_spec", "to_asgi"),
    ),
    Internal(
        module="_bentoml_sdk",
        name="Service.add_asgi_middleware",
        use="puts the guard and the fast path before a service",
        parameters=("self", "middleware_cls", "options"),
    ),
    Internal(
        module="_bentoml_sdk",
        name="Service.mount_asgi_app",
        use="answers descriptions in place of BentoML",
        parameters=("self", "app", "path", "name"),
    ),
    Internal(
        module="_bentoml_sdk.method",
        name="APIMethod",
        use="is the endpoint that the fast path calls",
        parameters=(
            "func", "route", "input_spec", "output_spec", "batchable", "batch_dim",
            "max_batch_size", "max_latency_ms", "is_task",
        ),
    ),
)  # fmt: skip
"""Every private name, and every public one that is used in an undocumented way.

uvicorn's server, which BentoML's worker looks up by its name, is replaced in
:mod:`services.transport.server`.
"""


def check_internals(names: Iterable[Internal] | None = None) -> None:
    """Check all names of BentoML that this project uses.

    Args:
        names: the names to check; all by default.

    Raises:
        InternalChanged: a name is missing or differs; the sentence has the name, the installed
            version and the version that is known to work.

    >>> check_internals()
    """
    for one in INTERNALS if names is None else names:
        problem = one.problem()
        if problem:
            installed = importlib.metadata.version(_LIBRARY)
            raise InternalChanged(
                f"BentoML {installed} does not fit: {one.path} {problem}, and it {one.use};"
                f" install {_LIBRARY}=={KNOWN_VERSION}, with which it is known to work"
            )
