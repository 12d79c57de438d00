"""The OpenAPI description of a service: BentoML's, with what stands before every endpoint."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from services.queries import parameters_of
from services.request_context import TIMEOUT_HEADER
from services.schemas import Problem

__all__ = ["described", "with_questions"]

_ADMIN = ("admin",)
_UNRELEASED = "development"
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
_HEADERS = {
    "x-request-id": "An id for logs; one is made where there is none.",
    TIMEOUT_HEADER: "Whole milliseconds after which the answer is of no use.",
    "traceparent": "W3C Trace Context.",
}


def described(service: Any, access: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the description of a service, with keys, scopes, headers, refusals and examples.

    Args:
        service: a BentoML service.
        access: path -> scopes of which a key needs one.
    """
    # Through JSON once: BentoML's has statuses that are numbers.
    document = json.loads(json.dumps(service.openapi_spec.asdict()))
    assert isinstance(document, dict)
    version = document["info"]["version"]
    document["info"] = {
        "title": f"Doorstep: {service.name}",
        "version": _UNRELEASED if version in ("", "None") else version,
        "description": inspect.cleandoc(service.inner.__doc__ or ""),
    }
    components = document["components"]
    for name in _BENTOML_ERRORS:
        components["schemas"].pop(name, None)
    problem = msgspec.json.schema(Problem)["$defs"]["Problem"]
    problem["description"] = inspect.cleandoc(problem["description"])
    components["schemas"]["Problem"] = problem
    components["securitySchemes"] = {
        "api_key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key. Not needed where the service has none.",
        }
    }
    components["parameters"] = {
        name: {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS.items()
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "operationId" in operation:
                # A docstring's indentation is there before Python 3.13, and gone from then on.
                operation["description"] = inspect.cleandoc(operation.get("description", ""))
                _guard(operation, access.get(path, _ADMIN))
    for method in service.apis.values():
        responses = document["paths"][method.route]["post"]["responses"]
        for status, text in getattr(method.output_spec, "also", {}).items():
            responses[str(status)] = {**responses["200"], "description": text}
        example = getattr(method.input_spec, "example", None)
        if example is not None:
            body = document["paths"][method.route]["post"]["requestBody"]
            for content in body["content"].values():
                content["example"] = example
    return document


def _guard(operation: dict[str, Any], scopes: tuple[str, ...]) -> None:
    """Say of one endpoint whose keys it takes, and how it refuses."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    refusals = {
        status: {"description": text, "content": {"application/json": schema}}
        for status, text in _REFUSALS.items()
    }
    operation["responses"] = {"200": operation["responses"]["200"], **refusals}
    operation["security"] = [{"api_key": []}]
    operation["x-scopes"] = list(scopes)
    operation["parameters"] = [
        *operation.get("parameters", []),
        *({"$ref": f"#/components/parameters/{name}"} for name in _HEADERS),
    ]


def with_questions(document: dict[str, Any], dimensions: tuple[str, ...]) -> dict[str, Any]:
    """Return the description with ``GET /features`` and ``GET /explain``.

    They answer what the POST endpoints of the same paths answer.

    Args:
        document: an OpenAPI description; its POST endpoints stay as they are.
        dimensions: the dimensions whose values are parameters.
    """
    for path in ("/features", "/explain"):
        post = document["paths"][path]["post"]
        document["paths"][path]["get"] = {
            **{name: post[name] for name in ("responses", "tags", "security", "x-scopes")},
            "description": post["description"] + " The question stands in the address.",
            "operationId": f"{post['operationId']}_by_get",
            "parameters": [*parameters_of(path, dimensions), *post["parameters"]],
        }
    return document
