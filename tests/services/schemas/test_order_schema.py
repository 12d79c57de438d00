"""What can be said of an order, as OpenAPI has it."""

from __future__ import annotations

from services.core.limits import MAX_TEXT_CHARACTERS
from services.schemas.fact_bounds import BOUNDS
from services.schemas.order_schema import order_schema, with_order
from services.schemas.vocabulary import Vocabulary

NUMBERS = ("distance_m", "floor", "visitors", "precipitation_mm")
NAMES = (*NUMBERS, "city", "store_id", "zone")


def test_numbers_have_units_and_the_bounds_beyond_which_they_are_refused() -> None:
    fields = order_schema(Vocabulary(frozenset(NAMES), frozenset(NUMBERS)))["properties"]
    assert sorted(fields) == list(fields) == sorted(NAMES)
    assert fields["distance_m"] == {
        "type": ["number", "null"],
        "minimum": BOUNDS["distance_m"].low,
        "maximum": BOUNDS["distance_m"].high,
        "description": "Distance from the store to the customer",
        "x-unit": "m",
    }
    assert fields["visitors"] == {"type": ["number", "null"], "description": "Visitors"}
    assert fields["precipitation_mm"]["description"] == "Precipitation"
    assert fields["precipitation_mm"]["x-unit"] == "mm"


def test_texts_have_the_type_that_the_models_know() -> None:
    fields = order_schema(
        Vocabulary(frozenset(NAMES), frozenset(NUMBERS), {"city": str, "store_id": int})
    )["properties"]
    assert fields["city"]["type"] == ["string", "null"]
    assert fields["city"]["maxLength"] == MAX_TEXT_CHARACTERS
    assert fields["store_id"]["type"] == ["integer", "null"]
    assert "maxLength" not in fields["store_id"]
    assert fields["zone"]["type"] == ["string", "integer", "null"]


def test_what_is_taken_refers_to_it_and_what_is_answered_does_not() -> None:
    request = {
        "order": {"type": "object", "default": {}},
        "facts": {"type": "object"},
        "happened": {"type": "object"},
    }
    lists = {"order": {"type": "array", "items": {"type": "integer"}}}
    document = {
        "components": {
            "schemas": {
                "Taken": {"properties": request, "additionalProperties": False},
                "Places": {"properties": dict(lists), "additionalProperties": False},
                "Given": {"properties": {"happened": {"type": "object"}}},
            }
        }
    }
    schema = order_schema(Vocabulary(frozenset(NAMES), frozenset(NUMBERS)))
    schemas = with_order(document, schema, ("activated", "ready"))["components"]["schemas"]
    taken = schemas["Taken"]["properties"]
    assert taken["order"] == {"$ref": "#/components/schemas/Order", "default": {}}
    assert taken["facts"]["propertyNames"] == {"enum": sorted(NAMES)}
    assert taken["happened"]["propertyNames"] == {"enum": ["activated", "ready"]}
    assert schemas["Places"]["properties"] == lists
    assert schemas["Given"]["properties"] == {"happened": {"type": "object"}}
    assert schemas["Order"] is schema
