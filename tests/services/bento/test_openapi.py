"""The descriptions of the services, as they were last agreed on.

Where a change is meant: `python -m tests.services.bento.test_openapi` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from aggregators.catalog import CATALOG
from estimators.core.stages import LIFE
from services.bento.openapi import described
from services.courier_travel import CourierTravelService
from services.eta import EtaService
from services.etp import EtpService
from services.event_store.query_strings import Names, with_questions
from services.events import EventService
from services.middleware.guard import OPEN_PATHS
from services.schemas.common import CloudEvent, PredictRequest, TravelRequest
from services.schemas.decoding import decode
from services.schemas.eta import ArrivalRow
from services.schemas.features import FeatureRow
from services.schemas.order_schema import order_schema, with_order
from services.schemas.vocabulary import Vocabulary
from services.wall_eta import WallEtaService

FOLDER = Path(__file__).parent.parent / "openapi"
SERVICES: dict[str, Any] = {
    "courier_travel": CourierTravelService,
    "eta": EtaService,
    "etp": EtpService,
    "events": EventService,
    "wall_eta": WallEtaService,
}

NUMBERS = ("amount", "distance_m")
NAMES = (*NUMBERS, "store_id")


def row_kind_of(service: str, route: str) -> Any:
    """The type of the rows of a batch, None where there are none."""
    of_route: dict[str, Any] = {"/events": CloudEvent, "/features_batch": FeatureRow}
    of_route["/courier_arrival"] = ArrivalRow
    of_route["/predict_batch"] = TravelRequest if service == "courier_travel" else PredictRequest
    return of_route.get(route)


def description_of(name: str) -> str:
    service = SERVICES[name]
    (_, options), *_ = service.middlewares
    document = described(service, options["access"])
    if name == "events":
        dimensions = sorted({feature.dimension for feature in CATALOG})
        document = with_questions(document, Names(dimensions=tuple(dimensions)))
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", SERVICES)
def test_the_description_is_the_one_that_was_agreed_on(name: str) -> None:
    agreed = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert description_of(name) == agreed, "python -m tests.services.bento.test_openapi"


@pytest.mark.parametrize("name", SERVICES)
def test_the_description_is_valid(name: str) -> None:
    document = json.loads(description_of(name))
    assert document["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_description_with_the_fields_of_orders_is_valid(name: str) -> None:
    document = with_order(
        json.loads(description_of(name)),
        order_schema(Vocabulary(frozenset(NAMES), frozenset(NUMBERS))),
        LIFE,
    )
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    taken = {"courier_travel": "TravelRequest", "eta": "EtaRequest"}.get(name, "PredictRequest")
    if name != "events":
        order = document["components"]["schemas"][taken]["properties"]["order"]
        assert order["$ref"] == "#/components/schemas/Order"


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_open_is_described_and_needs_no_key(name: str) -> None:
    document = json.loads(description_of(name))
    (service_access,) = [options["access"] for _, options in SERVICES[name].middlewares[:1]]
    assert {*document["paths"]} == OPEN_PATHS | {*service_access}
    for path in OPEN_PATHS:
        (operation,) = document["paths"][path].values()
        assert operation["security"] == []
        assert operation["responses"]["200"]["content"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_without_keys_does_not_ask_for_one(name: str) -> None:
    service = SERVICES[name]
    (_, options), *_ = service.middlewares
    document = described(service, options["access"], needs_key=False)
    asked = [one["post"]["security"] for one in document["paths"].values() if "post" in one]
    assert asked == [[]] * len(asked)


def test_names_that_can_be_asked_for_are_told() -> None:
    service = SERVICES["events"]
    (_, options), *_ = service.middlewares
    names = Names(features=("f", "g"), topics=("t",), dimensions=("store_id",))
    document = with_questions(described(service, options["access"]), names)
    parameters = {
        one.get("name"): one for one in document["paths"]["/features"]["get"]["parameters"]
    }
    assert parameters["feature"]["schema"]["items"] == {"enum": ["f", "g"]}
    assert parameters["topic"]["schema"] == {"enum": ["t"]}
    assert "store_id" in parameters
    asked = document["components"]["schemas"]["FeaturesRequest"]["properties"]
    assert asked["features"]["items"] == {"enum": ["f", "g"]}
    assert asked["keys"]["propertyNames"] == {"enum": ["store_id"]}
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_reference_leads_somewhere(name: str) -> None:
    document = json.loads(description_of(name))

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [one for inner in value.values() for one in references(inner)]
        if isinstance(value, list):
            return [one for inner in value for one in references(inner)]
        return []

    found = references(document)
    assert found
    for reference in found:
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


@pytest.mark.parametrize("name", SERVICES)
def test_every_endpoint_says_who_may_ask_and_how_it_refuses(name: str) -> None:
    document = json.loads(description_of(name))
    operations = [
        operation
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if path not in OPEN_PATHS
    ]
    assert operations
    for operation in operations:
        assert operation["x-scopes"]
        assert {"400", "401", "403", "429", "503", "504"} <= set(operation["responses"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_example_is_one_that_is_taken(name: str) -> None:
    for method in SERVICES[name].apis.values():
        body = json.dumps(method.input_spec.example).encode()
        decoded = decode(body, method.input_spec.kind)
        row_kind = row_kind_of(name, method.route)
        if row_kind is not None:
            rows = getattr(decoded, "orders" if name == "eta" else "rows", decoded)
            for row in rows:
                decode(row, row_kind)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for service_name in SERVICES:
        (FOLDER / f"{service_name}.json").write_text(description_of(service_name), encoding="utf-8")
