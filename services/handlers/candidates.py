"""Check the pairs of orders and couriers of a request, and lay them out as columns of rows.

A pair is asked as if its courier were assigned at this very moment, whatever courier the order has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from aggregators.stores.reading import Sample
from aggregators.times import moment_to_us
from aggregators.typing import SampleId
from estimators.core.dictionary_column import Column, DictionaryColumn
from estimators.core.stages import elapsed_name, stage_of
from estimators.core.typing import BoolArray, FloatArray, IntArray
from services.composition.composer import COURIER_FACTS
from services.composition.order_book import KnownOrder, OrderBook, elapsed_columns_of
from services.core.errors import InvalidRequest, UnknownOrder
from services.core.limits import MAX_PAIRS
from services.estimation.rows import RequestRows
from services.schemas.courier_selection import CourierSelectionRequest, OrderColumns
from services.schemas.fact_bounds import BOUNDS, impossible
from services.schemas.request_times import us_of
from services.schemas.vocabulary import RowErrors, check_length

__all__ = ["CANDIDATE_STAGES", "Candidates", "candidates_of"]


COURIER_EVENTS = ("courier_assigned", "courier_at_store")
"""What another courier of the order has done; it says nothing of a candidate."""

CANDIDATE_STAGES = ("courier_assigned", "ready")
"""In which an order can be whose courier is assigned now."""

JUST_NOW_S = 1.0
"""How long ago a candidate counts as assigned."""

DISTANCE = "distance_to_store_m"
_SINCE_ASSIGNED = elapsed_name("courier_assigned")
_AFTER_PICKUP = ("picked_up", "courier_at_customer", "delivered", "cancelled")

Kind = Literal["order", "courier", "pair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The pairs of a request that can be estimated, and why others cannot.

    Args:
        order: place of each pair's order in the request, shape (n_pairs,).
        courier: place of its courier.
        rows: the pairs as rows, each as if its courier were assigned now.
        order_rows: the orders, as if a courier were assigned now, nobody knows which.
        order_ids: of all orders of the request.
        orders: what is known of each of them; None where it was refused.
        courier_columns: facts of the couriers.
        promised_s: seconds from now until what the customer was promised, per order, NaN where
            nothing was; None: nothing at all.
        errors: why rows of the request were refused, by kind and place.
        refused: pairs that were.
    """

    order: IntArray
    courier: IntArray
    rows: RequestRows
    order_rows: RequestRows
    order_ids: list[SampleId | None]
    orders: list[KnownOrder | None]
    courier_columns: dict[str, list[Any]]
    promised_s: FloatArray | None
    errors: dict[Kind, RowErrors]
    refused: int

    def __len__(self) -> int:
        return len(self.order)


def candidates_of(
    request: CourierSelectionRequest,
    book: OrderBook,
    samples: Sequence[Sample | None] | None,
    as_of: datetime,
) -> Candidates:
    """Return the pairs that a request asks about.

    Args:
        request: names them.
        book: knows what can be said of orders.
        samples: what it found of the request's orders; None: the event store could not be read.
        as_of: the moment.

    Raises:
        InvalidRequest: columns of other lengths or of unknown names, too many pairs.
    """
    errors: dict[Kind, RowErrors] = {"order": {}, "courier": {}, "pair": {}}
    as_of_us = moment_to_us(as_of, "as_of")
    orders = _orders(request.orders, book, samples, as_of_us, errors["order"])
    n_couriers = len(request.couriers.courier_id)
    courier_columns = book.vocabulary.checked_columns(
        request.couriers.facts,
        n_couriers,
        path="couriers.facts",
        of="courier",
        errors=errors["courier"],
    )
    ids = request.couriers.courier_id
    for row, error in book.vocabulary.bad_values("courier_id", ids, "couriers").items():
        errors["courier"].setdefault(
            row, InvalidRequest(error.reason, field=f"{error.field}[{row}]")
        )
    courier_columns["courier_id"] = list(book.vocabulary.given_column("courier_id", ids))
    order, courier, distance_m = _pairs(request, errors["pair"])
    good = _good(order, courier, len(orders), n_couriers, errors)
    refused = len(order) - int(good.sum())
    if refused:
        order, courier, distance_m = order[good], courier[good], distance_m[good]
    order_columns = _order_columns(orders, as_of_us)
    order_rows = _order_rows(orders, order_columns, as_of_us)
    return Candidates(
        order=order,
        courier=courier,
        rows=_pair_rows(
            orders, order_rows, order_columns, order, courier_columns, courier, distance_m
        ),
        order_rows=order_rows,
        order_ids=request.orders.order_id,
        orders=orders,
        courier_columns=courier_columns,
        promised_s=_promised_s(request.orders, as_of),
        errors=errors,
        refused=refused,
    )


def _order_rows(
    orders: list[KnownOrder | None], columns: dict[str, list[Any]], as_of_us: int
) -> RequestRows:
    """Return orders as rows, as if a courier were assigned now; refused orders have no values."""
    return RequestRows(
        columns=columns,
        sample_ids=[one.sample_id if one else None for one in orders],
        as_of_us=np.full(len(orders), as_of_us, np.int64),
        stages=np.array([_stage(one) for one in orders], dtype=np.str_),
    )


def _pair_rows(
    orders: list[KnownOrder | None],
    order_rows: RequestRows,
    order_columns: dict[str, list[Any]],
    order: IntArray,
    courier_columns: dict[str, list[Any]],
    courier: IntArray,
    distance_m: FloatArray,
) -> RequestRows:
    """Return pairs as rows; their values are those of the orders and couriers, not copies."""
    columns: dict[str, Column] = {
        name: DictionaryColumn(column, order) for name, column in order_columns.items()
    }
    columns |= {name: DictionaryColumn(column, courier) for name, column in courier_columns.items()}
    columns[DISTANCE] = distance_m
    assert order_rows.stages is not None
    lacking = {k: one.notes for k, one in enumerate(orders) if one and one.notes}
    notes = {row: lacking[k] for row, k in enumerate(order.tolist()) if k in lacking}
    return RequestRows(
        columns=columns,
        sample_ids=DictionaryColumn(order_rows.sample_ids, order),
        as_of_us=np.full(len(order), order_rows.as_of_us[0], np.int64),
        stages=order_rows.stages[order],
        notes=notes if lacking else {},
    )


def _orders(
    given: OrderColumns,
    book: OrderBook,
    samples: Sequence[Sample | None] | None,
    as_of_us: int,
    errors: RowErrors,
) -> list[KnownOrder | None]:
    n = len(given.order_id)
    facts = book.vocabulary.checked_columns(
        given.facts, n, path="orders.facts", of="order", errors=errors
    )
    if given.promised_at is not None:
        check_length(given.promised_at, n, "orders.promised_at", "order")
        _check_promises(given.promised_at, errors)
    found: list[KnownOrder | None] = []
    for row, order_id in enumerate(given.order_id):
        try:
            one = book.known(
                order_id,
                None if samples is None else samples[row],
                {name: column[row] for name, column in facts.items()},
                {},
                as_of_us,
                was_read=samples is not None,
            )
        except UnknownOrder as error:
            path = f"orders.order_id[{row}]"
            errors.setdefault(row, InvalidRequest(error.reason, field=path))
            found.append(None)
            continue
        if one.stale:
            errors.setdefault(row, InvalidRequest(one.stale, field=f"orders.order_id[{row}]"))
        over = [event for event in _AFTER_PICKUP if event in one.happened_us]
        if over:
            reason = f"the order {order_id!r} is {over[0]} already; no courier can take it"
            errors.setdefault(row, InvalidRequest(reason, field=f"orders.order_id[{row}]"))
        found.append(None if row in errors else one)
    return found


def _check_promises(promised_at: Sequence[datetime | None], errors: RowErrors) -> None:
    for row, moment in enumerate(promised_at):
        if moment is not None:
            try:
                us_of(moment, f"orders.promised_at[{row}]")
            except InvalidRequest as error:
                errors.setdefault(row, error)


def _pairs(
    request: CourierSelectionRequest, errors: RowErrors
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the places of orders and couriers of all pairs, and the distances."""
    n_orders = len(request.orders.order_id)
    n_couriers = len(request.couriers.courier_id)
    pairs, matrix = request.pairs, request.distance_to_store_m
    if pairs is None:
        order = np.repeat(np.arange(n_orders), n_couriers)
        courier = np.tile(np.arange(n_couriers), n_orders)
        if matrix is None:
            return order, courier, np.full(len(order), np.nan)
        check_length(matrix, n_orders, DISTANCE, "order")
        for row, of_order in enumerate(matrix):
            check_length(of_order, n_couriers, f"{DISTANCE}[{row}]", "courier")
        return order, courier, _distances([m for row in matrix for m in row], DISTANCE, errors)
    if matrix is not None:
        raise InvalidRequest(
            "stands beside pairs; give the distances of pairs as pairs.distance_to_store_m",
            field=DISTANCE,
        )
    n = len(pairs.order)
    assert n <= MAX_PAIRS, "the type of the request says so"
    check_length(pairs.courier, n, "pairs.courier", "pair")
    distance_m = np.full(n, np.nan)
    if pairs.distance_to_store_m is not None:
        path = f"pairs.{DISTANCE}"
        check_length(pairs.distance_to_store_m, n, path, "pair")
        distance_m = _distances(pairs.distance_to_store_m, path, errors)
    order = np.array([min(one, MAX_PAIRS) for one in pairs.order], dtype=np.int64)
    courier = np.array([min(one, MAX_PAIRS) for one in pairs.courier], dtype=np.int64)
    for name, places, there in (("order", order, n_orders), ("courier", courier, n_couriers)):
        for row in np.flatnonzero(places >= there).tolist():
            reason = f"there is no {name} of this place; there are {there}, counted from 0"
            errors.setdefault(row, InvalidRequest(reason, field=f"pairs.{name}[{row}]"))
    return order, courier, distance_m


def _distances(given: list[float | None], path: str, errors: RowErrors) -> FloatArray:
    distance_m = np.array(given, dtype=np.float64)
    bounds = BOUNDS[DISTANCE]
    for row in np.flatnonzero((distance_m < bounds.low) | (distance_m > bounds.high)).tolist():
        reason = f"{impossible(DISTANCE, distance_m[row])}, or null"
        errors.setdefault(row, InvalidRequest(reason, field=f"{path}[{row}]"))
    return distance_m


def _good(
    order: IntArray,
    courier: IntArray,
    n_orders: int,
    n_couriers: int,
    errors: dict[Kind, RowErrors],
) -> BoolArray:
    """Return which pairs can be estimated."""
    good = np.ones(len(order), dtype=bool)
    good[list(errors["pair"])] = False
    for kind, places, n in (("order", order, n_orders), ("courier", courier, n_couriers)):
        bad = np.zeros(n, dtype=bool)
        bad[list(errors[kind])] = True  # type: ignore[index]
        good &= ~bad[np.minimum(places, n - 1)]
    return good


def _order_columns(orders: list[KnownOrder | None], as_of_us: int) -> dict[str, list[Any]]:
    """Return facts and elapsed facts of orders to which a courier is assigned now."""
    names = dict.fromkeys(name for one in orders if one for name in one.facts)
    columns: dict[str, list[Any]] = {
        name: [one.facts.get(name) if one else None for one in orders]
        for name in names
        if name not in COURIER_FACTS
    }
    past = [_without_courier(one) if one else {} for one in orders]
    columns.update(elapsed_columns_of(past, as_of_us))
    columns[_SINCE_ASSIGNED] = [JUST_NOW_S] * len(orders)
    return columns


def _without_courier(order: KnownOrder) -> dict[str, int]:
    return {k: us for k, us in order.happened_us.items() if k not in COURIER_EVENTS}


def _stage(order: KnownOrder | None) -> str:
    return "" if order is None else stage_of({*_without_courier(order), "courier_assigned"})


def _promised_s(given: OrderColumns, as_of: datetime) -> FloatArray | None:
    if given.promised_at is None:
        return None
    return np.array(
        [np.nan if one is None else (one - as_of).total_seconds() for one in given.promised_at]
    )
