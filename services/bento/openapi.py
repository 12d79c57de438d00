"""Extend BentoML's OpenAPI description with keys, headers and refusals of the middleware."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from services.core.context import TIMEOUT_HEADER
from services.core.limits import MAX_REQUEST_ID_CHARACTERS
from services.middleware.infrastructure_paths import TAG as INFRASTRUCTURE
from services.middleware.infrastructure_paths import infrastructure_paths
from services.schemas.common import Problem

__all__ = ["ENDPOINTS", "described"]

VERSION = "3.1.0"
"""The first OpenAPI version whose schemas are JSON Schema, which msgspec generates."""

ENDPOINTS = "endpoints"
"""The tag of the main endpoints of a service."""

_ADMIN = ("admin",)
_UNRELEASED = "development"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_BENTOML_ERRORS = ("TaskStatusResponse", "InvalidArgument", "NotFound", "InternalServerError")
_REFUSALS = {
    "400": "What was sent: the field and the reason",
    "401": "No API key, or none that is known",
    "403": "An API key that may ask for something else; a page of another origin where none is",
    "413": "Too large a body",
    "415": "Another content type",
    "421": "Another host than this machine, at a service without API keys",
    "429": "Too much at once of one API key; `Retry-After` says when to try again",
    "500": "A failure of the service; its log has it under the request's id",
    "503": "Not now; `Retry-After` says when to try again",
    "504": "There was no answer in the time that was given",
}
_REQUEST_HEADERS = {
    "x-request-id": (
        "An id for logs and the answer; one is made where there is none, or one with spaces or"
        f" more than {MAX_REQUEST_ID_CHARACTERS} characters."
    ),
    "traceparent": "W3C Trace Context; one that cannot be read is as if there were none.",
}
# Said in words, and not as a parameter: whoever tries parameters out would choose 1 ms, and find
# out that there is no answer by then.
_DEADLINE = (
    f"Every endpoint takes the header `{TIMEOUT_HEADER}`: whole milliseconds, 1 or more, after"
    " which the answer is of no use; then the answer is 504."
)
_ANSWER_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "x-request-id": ("The id of the request.", {"type": "string", "minLength": 1}),
    "retry-after": ("Seconds to wait.", {"type": "integer", "minimum": 1}),
    "www-authenticate": ("How to say who asks.", {"type": "string", "const": "Bearer"}),
}
_HEADERS_OF = {
    "401": ("x-request-id", "www-authenticate"),
    "429": ("x-request-id", "retry-after"),
    "503": ("x-request-id", "retry-after"),
}


def described(
    service: Any, access: Mapping[str, tuple[str, ...]], *, needs_key: bool = True
) -> dict[str, Any]:
    """Return the description of a service, with keys, scopes, headers, refusals and examples.

    Args:
        service: a BentoML service.
        access: path -> scopes of which a key needs one.
        needs_key: whether the service has API keys.
    """
    # Through JSON once: BentoML's has statuses that are numbers.
    document = json.loads(json.dumps(service.openapi_spec.asdict()))
    assert isinstance(document, dict)
    version = document["info"]["version"]
    paths = {method.route: document["paths"][method.route] for method in service.apis.values()}
    for path, operations in paths.items():
        for operation in operations.values():
            _guard(operation, access.get(path, _ADMIN), needs_key=needs_key)
    for method in service.apis.values():
        post = paths[method.route]["post"]
        post["requestBody"] = _body_of(method, post["requestBody"])
        for status, text in method.output_spec.also.items():
            post["responses"][str(status)] = {**post["responses"]["200"], "description": text}
        for status, text in method.output_spec.refuses.items():
            post["responses"][str(status)] = {**post["responses"]["400"], "description": text}
    return {
        "openapi": VERSION,
        "info": {
            "title": f"Doorstep: {service.name}",
            "version": _UNRELEASED if version in ("", "None") else version,
            "description": f"{inspect.cleandoc(service.inner.__doc__ or '')}\n\n{_DEADLINE}",
        },
        "servers": document["servers"],
        "tags": [
            {"name": ENDPOINTS, "description": "What the service is there for."},
            {"name": INFRASTRUCTURE, "description": "Health, metrics and descriptions; open."},
        ],
        "paths": {**paths, **infrastructure_paths()},
        "components": _components(document["components"]["schemas"]),
    }


def _components(schemas: dict[str, Any]) -> dict[str, Any]:
    for name in _BENTOML_ERRORS:
        schemas.pop(name, None)
    problem = msgspec.json.schema(Problem)["$defs"]["Problem"]
    problem["description"] = inspect.cleandoc(problem["description"])
    return {
        "schemas": {**schemas, "Problem": problem},
        "securitySchemes": {
            "api_key": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key. Not needed where the service has none.",
            }
        },
        "parameters": {
            name: {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
            for name, text in _REQUEST_HEADERS.items()
        },
        "headers": {
            name: {"description": text, "required": True, "schema": schema}
            for name, (text, schema) in _ANSWER_HEADERS.items()
        },
    }


def _guard(operation: dict[str, Any], scopes: tuple[str, ...], *, needs_key: bool) -> None:
    """Describe the keys and the refusals of one endpoint."""
    answers = {
        status: answer
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    }
    refusals = {
        status: {"description": text, "content": {"application/json": {"schema": _PROBLEM}}}
        for status, text in _REFUSALS.items()
    }
    operation["responses"] = {**answers, **refusals}
    for status, answer in operation["responses"].items():
        names = _HEADERS_OF.get(status, ("x-request-id",))
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    # A docstring's indentation is there before Python 3.13, and gone from then on.
    operation["description"] = inspect.cleandoc(operation.get("description", ""))
    operation["summary"] = operation["description"].partition("\n")[0]
    operation["tags"] = [ENDPOINTS]
    operation["security"] = [{"api_key": []}] if needs_key else []
    operation["x-scopes"] = list(scopes)
    operation["parameters"] = [
        *operation.get("parameters", []),
        *({"$ref": f"#/components/parameters/{name}"} for name in _REQUEST_HEADERS),
    ]


def _body_of(method: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request body of an endpoint, for each of its content types."""
    (content,) = body["content"].values()
    if method.input_spec.example is not None:
        content = {**content, "example": method.input_spec.example}
    return {
        "required": True,
        "content": dict.fromkeys(method.input_spec.media_types, content),
    }
