"""What can be said of an order, as OpenAPI has it: names, types and units of its fields.

Which fields there are follows from the models, so a service describes them once it has these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from estimators.features.inputs import unit_of_fact, words_of_fact
from services.core.limits import MAX_TEXT_CHARACTERS
from services.schemas.fact_bounds import BOUNDS
from services.schemas.order_values import Kind
from services.schemas.vocabulary import Vocabulary

__all__ = ["order_schema", "with_order"]

_REFERENCE = {"$ref": "#/components/schemas/Order"}
_TYPES: dict[Kind, str] = {str: "string", int: "integer"}
_UNIT_WORDS = (" m s", " mm", " m", " s", " c")


def order_schema(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the schema of an order.

    Args:
        vocabulary: the names of its facts, and which are numbers. The others are texts or
            integers, one of both where the models know it.

    >>> names = frozenset(("city", "distance_m"))
    >>> schema = order_schema(Vocabulary(names, frozenset(("distance_m",))))
    >>> schema["properties"]["distance_m"]["type"], schema["properties"]["distance_m"]["x-unit"]
    (['number', 'null'], 'm')
    """
    return {
        "title": "Order",
        "description": (
            "What is known of an order, each field as far as it is known; null: it is not."
        ),
        "type": "object",
        "properties": {
            name: _field(
                name, is_number=name in vocabulary.numbers, kind=vocabulary.kinds.get(name)
            )
            for name in sorted(vocabulary.names)
        },
        "additionalProperties": False,
    }


def _field(name: str, *, is_number: bool, kind: Kind | None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": ["number", "null"]}
    if is_number and name in BOUNDS:
        found |= {"minimum": BOUNDS[name].low, "maximum": BOUNDS[name].high}
    if not is_number:
        types = ["string", "integer"] if kind is None else [_TYPES[kind]]
        found = {"type": [*types, "null"]}
        if "string" in types:
            found["maxLength"] = MAX_TEXT_CHARACTERS
    unit = unit_of_fact(name) if is_number else ""
    words = words_of_fact(name)
    if unit:
        ending = next((one for one in _UNIT_WORDS if words.endswith(one)), "")
        words = words.removesuffix(ending)
    return {
        **found,
        "description": words,
        **({"x-unit": unit} if unit else {}),
    }


def with_order(
    document: dict[str, Any], schema: dict[str, Any], events: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a description in which every order that is taken has this schema.

    Args:
        document: an OpenAPI description.
        schema: of :func:`order_schema`.
        events: what can have ``happened`` to an order.
    """
    schemas = document["components"]["schemas"]
    for one in schemas.values():
        properties = one.get("properties", {})
        if one.get("additionalProperties") is not False:
            continue  # an answer
        if properties.get("order", {}).get("type") == "object":
            default: dict[str, Any] = {"default": {}} if "default" in properties["order"] else {}
            properties["order"] = {**_REFERENCE, **default}
        if "facts" in properties:
            properties["facts"]["propertyNames"] = {"enum": list(schema["properties"])}
        if "happened" in properties:
            properties["happened"]["propertyNames"] = {"enum": list(events)}
    schemas["Order"] = schema
    return document
