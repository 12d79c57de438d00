"""All handlers get what they need in one way, and log under names of their own."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from datetime import timedelta
from typing import cast

import pytest

from services.handlers.courier_arrival import CourierArrival
from services.handlers.courier_selection import CourierSelection
from services.handlers.displayed_eta import DisplayedEta
from services.handlers.handler import Dependencies, Handler
from services.handlers.order_eta import OrderEta
from services.prediction_log.log import PredictionLog
from services.schemas.eta import EtaRequest
from tests.services.building import NOON
from tests.services.fake_parts import City, Logged, run

HANDLERS = (OrderEta, CourierSelection, CourierArrival, DisplayedEta)


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_first_thing_that_a_handler_is_given_are_its_dependencies(
    handler: type[Handler],
) -> None:
    assert issubclass(handler, Handler)
    assert next(iter(inspect.signature(handler).parameters)) == "needs"


def test_estimates_are_logged_under_the_name_of_their_handler() -> None:
    names = [handler.logged_as for handler in HANDLERS]
    assert names == ["eta", "eta/courier_selection", "eta/courier_arrival", "eta/displayed_eta"]


def needs_of(city: City) -> Dependencies:
    """The dependencies of a city's handlers, taken from one of them."""
    found = {item.name: getattr(city.eta, f"_{item.name}") for item in fields(Dependencies)}
    return Dependencies(**{**found, "log": cast(PredictionLog, city.log)})


def test_a_handler_uses_what_it_is_given() -> None:
    city = City()
    later = NOON + timedelta(hours=1)
    log = Logged()
    needs = replace(needs_of(city), clock=lambda: later, log=cast(PredictionLog, log))
    request = EtaRequest(order_id=None, order={"store_id": "s", "city": "BCN"})
    answer = run(OrderEta(needs).answer(request, request_id="r-1"))
    assert answer.as_of == later
    assert [one.service for one in log.rows] == ["eta"]
    assert not city.log.rows


def test_without_a_log_nothing_is_logged() -> None:
    city = City()
    request = EtaRequest(order_id=None, order={"store_id": "s", "city": "BCN"})
    run(OrderEta(replace(needs_of(city), log=None)).answer(request, request_id="r-1"))
    assert not city.log.rows
