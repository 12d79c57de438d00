"""Parse the query strings of ``GET /features`` and ``GET /explain``, for people and curl.

A query string has no types. A key or a sample id is text, unless it looks like an integer and the
store's values are integers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import QueryParams

from services.core.errors import InvalidRequest
from services.core.limits import MAX_TEXT_CHARACTERS
from services.event_store.feature_lookup import FeatureLookup
from services.schemas.decoding import decode, unknown_field
from services.schemas.features import ExplainRequest, FeatureRow, FeaturesRequest

__all__ = ["Names", "explain_request", "features_request", "parameters_of", "with_questions"]

T = TypeVar("T", bound=FeatureRow)

_TRUTHS = {"true": True, "false": False}
_PLUS_AS_SPACE = re.compile(r" (?=\d\d:\d\d$)")
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)

_WORDS = {
    "as_of": "The moment, RFC 3339 with an offset; now, if it is left out.",
    "sample_id": "The sample for which this is asked; left out where it does not exist yet.",
}
_FEATURES = {
    "feature": "Name of a feature; may be repeated. Without it: all that the keys allow.",
    "topic": "Topic of the catalog, instead of names.",
    "event_times": "true (as if left out) or false: whether to say what the values rest on.",
    **_WORDS,
}
_EXPLAIN = {
    "feature": "Name of the feature.",
    "why": "A sample: is it counted, and if not why?",
    **_WORDS,
}


def features_request(params: QueryParams, lookup: FeatureLookup) -> FeaturesRequest:
    """Return the request of ``GET /features``.

    Raises:
        InvalidRequest: a parameter is unknown, repeated or invalid; names it.
    """
    fields = _fields(params, _FEATURES, lookup)
    fields["features"] = params.getlist("feature")
    if "event_times" in params:
        fields["event_times"] = _TRUTHS.get(params["event_times"], params["event_times"])
    if "topic" in params:
        fields["topic"] = params["topic"]
    return decode(msgspec.json.encode(fields), FeaturesRequest)


def explain_request(params: QueryParams, lookup: FeatureLookup) -> ExplainRequest:
    """Return the request of ``GET /explain``. Raises the errors of :func:`features_request`."""
    fields = _fields(params, _EXPLAIN, lookup)
    if len(params.getlist("feature")) > 1:
        raise InvalidRequest("stands more than once", field="feature")
    if "feature" in params:
        fields["feature"] = params["feature"]
    if "why" in params:
        fields["why"] = _typed(params["why"], lookup.takes_sample)
    return decode(msgspec.json.encode(fields), ExplainRequest)


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names that a request can use; empty until the service knows them.

    Args:
        features: names of features.
        topics: names of topics.
        dimensions: names of dimensions, for keys.
    """

    features: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()


def parameters_of(path: str, names: Names) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of ``/features`` or ``/explain``."""
    words = dict(_FEATURES if path == "/features" else _EXPLAIN)
    for dimension in names.dimensions:
        words[dimension] = f"The value of the dimension {dimension}; empty where it is missing."
    return [
        {
            "name": name,
            "in": "query",
            "required": path == "/explain" and name == "feature",
            "description": text,
            "schema": _schema_of(path, name, names),
        }
        for name, text in words.items()
    ]


def _schema_of(path: str, name: str, names: Names) -> dict[str, Any]:
    """Return the schema of one parameter."""
    if name == "feature":
        one: dict[str, Any] = {"type": "string", "minLength": 1}
        if names.features:
            one = {"enum": list(names.features)}
        return {"type": "array", "items": one} if path == "/features" else one
    if name == "topic" and names.topics:
        return {"enum": list(names.topics)}
    if name == "event_times":
        return {"enum": list(_TRUTHS)}
    if name == "as_of":
        return {"type": "string", "anyOf": [{"format": "date-time"}, {"maxLength": 0}]}
    return {"type": "string", "maxLength": MAX_TEXT_CHARACTERS}


def _fields(params: QueryParams, words: dict[str, str], lookup: FeatureLookup) -> dict[str, Any]:
    """Return the fields that both requests share: keys, sample id and moment."""
    known = (*words, *lookup.dimensions)
    for name in params:
        if name not in known:
            raise unknown_field("", name, known)
        if name != "feature" and len(params.getlist(name)) > 1:
            raise InvalidRequest("stands more than once", field=name)
    keys = {
        dimension: _typed(params[dimension], _takes(lookup, dimension))
        for dimension in lookup.dimensions
        if dimension in params
    }
    fields: dict[str, Any] = {"keys": keys, "sample_id": None}
    if params.get("sample_id"):
        fields["sample_id"] = _typed(params["sample_id"], lookup.takes_sample)
    if params.get("as_of"):
        # The plus of an offset such as +01:00 means a space in an address.
        fields["as_of"] = _PLUS_AS_SPACE.sub("+", params["as_of"])
    return fields


def _takes(lookup: FeatureLookup, dimension: str) -> Callable[[Any], bool]:
    return lambda key: lookup.takes(dimension, key)


def _typed(text: str, takes: Callable[[Any], bool]) -> str | int | None:
    """Return a value of a query string: missing if it is empty, an integer if only that fits."""
    if not text:
        return None
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63 and not takes(text):
        return int(text)
    return text


def with_questions(document: dict[str, Any], names: Names) -> dict[str, Any]:
    """Return the description with ``GET /features`` and ``GET /explain`` added.

    They give the same answers as the POST endpoints of the same paths.

    Args:
        document: an OpenAPI description.
        names: values of the parameters.
    """
    for path in ("/features", "/explain"):
        post = document["paths"][path]["post"]
        shared = ("summary", "responses", "tags", "security", "x-scopes")
        document["paths"][path]["get"] = {
            **{name: post[name] for name in shared},
            "description": post["description"] + " The question stands in the address.",
            "operationId": f"{post['operationId']}_by_get",
            "parameters": [*parameters_of(path, names), *post["parameters"]],
        }
    schemas = document["components"]["schemas"]
    for kind in ("FeaturesRequest", "ExplainRequest"):  # rows of a batch are refused one by one
        _narrow(schemas[kind]["properties"], names)
    return document


def _narrow(properties: dict[str, Any], names: Names) -> None:
    """Add the known names to the schema of a request."""
    if names.features and "features" in properties:
        properties["features"]["items"] = {"enum": list(names.features)}
    if names.features and "feature" in properties:
        properties["feature"] = {"enum": list(names.features)}
    if names.topics and "topic" in properties:
        properties["topic"] = {"enum": [*names.topics, None], "default": None}
    if names.dimensions and "keys" in properties:
        properties["keys"]["propertyNames"] = {"enum": list(names.dimensions)}
