"""The names of BentoML that are not public and that this project uses, and a check that they fit.

BentoML may change them in any release. Each is declared here with what is expected of it; a service
checks them before it starts, and says in one sentence what has changed. Only this room imports
them.
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
"""The attribute in which a class of ours keeps the one of BentoML whose place it takes."""

_LIBRARY = "bentoml"
_PRIVATE = "bentoml._internal"


class InternalChanged(ServiceError):
    """A name of BentoML is not what this project expects."""


@dataclass(frozen=True, kw_only=True)
class Internal:
    """One name of BentoML, and what is expected of it.

    Args:
        module: where it stands.
        name: within the module, with dots for what stands in a class.
        use: what the project does with it.
        parameters: names of the parameters with which it can be called; None: it is not called.
        attributes: that it must have.
    """

    module: str
    name: str
    use: str
    parameters: tuple[str, ...] | None = None
    attributes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Module and name."""
        return f"{self.module}.{self.name}"

    def problem(self) -> str:
        """Return in words what differs from what is expected, empty where nothing does."""
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
    """Return what BentoML has under a name, where this project has put something in its place."""
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
        use="is replaced: unknown paths are counted under one name",
        parameters=("app", "namespace", "skip_paths"),
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
"""Every name that is not public, or that is used in a way that the documentation does not promise.

uvicorn's server, which BentoML's worker looks up by its name, is replaced in
:mod:`services.transport.server`.
"""


def check_internals(names: Iterable[Internal] | None = None) -> None:
    """Check that BentoML has what this project uses of it.

    Args:
        names: what is checked; by default everything.

    Raises:
        InternalChanged: a name is missing or not what is expected; one sentence says which name,
            the version that is installed and the one that is known to work.

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
