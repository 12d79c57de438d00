"""The ETA service in this process: a tiny model that was trained, over real simulated events.

Tests `services.handlers.assembly` and `services.composition.explainer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import SqliteEventStore
from aggregators.stores import EventStore
from estimators import Dataset
from estimators.core.stages import LIFE, OPEN_STAGES, pending_at, stage_of
from estimators.eta.composition import SHOWN_PARTS
from estimators.eta.trained import TrainedEta
from services.composition.opening import sources_of
from services.core.limits import MAX_COURIERS, MAX_ORDERS, MAX_STORES
from services.core.settings.models import EtaSettings
from services.eta import EtaService
from services.prediction_log.table import read_predictions
from tests.services.asgi import AsgiClient
from tests.services.every_service import EVERY_SERVICE, LONG_S
from tests.waiting import wait_until

FACTS = (
    "store_id", "store_category", "store_zone", "city", "zone", "building", "floor", "amount",
    "products", "distance_m",
)  # fmt: skip
COURIER = ("courier_id", "vehicle", "distance_to_store_m")
LEVELS = [0.1, 0.5, 0.9]


@dataclass(frozen=True)
class Served:
    """The running service, the orders whose events it has, and the store that it reads."""

    client: AsgiClient
    orders: pd.DataFrame
    trained: TrainedEta
    event_store: EventStore
    log: Path

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = json.loads(answer.content)
        return found


def plain(value: Any) -> Any:
    """A value of a table as JSON has it."""
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def moments(row: Any) -> Iterator[tuple[str, pd.Timestamp]]:
    """The stages of an order, each with a moment in it."""
    times = sorted(row[event] for event in LIFE if pd.notna(row[event]))
    for start, end in pairwise(times):
        moment = start + (end - start) / 2
        past = [event for event in LIFE if pd.notna(row[event]) and row[event] < moment]
        yield stage_of(past), moment


def facts_of(row: Any, moment: pd.Timestamp) -> dict[str, Any]:
    """What a caller says of an order."""
    names: tuple[str, ...] = FACTS
    if pd.notna(row["courier_assigned"]) and row["courier_assigned"] < moment:
        names += COURIER
    return {name: plain(row[name]) for name in names}


@pytest.fixture(scope="module")
def served(
    saved_eta: str,
    trained_eta: TrainedEta,
    eta_dataset: Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("eta")
    path = folder / "events.db"
    sources = sources_of(trained_eta.model)
    tables = {source.name: table for source, table in eta_dataset.others.items()}
    tables[eta_dataset.source.name] = eta_dataset.table
    with SqliteEventStore(path, sources=list(sources)) as event_store:
        for source in sources:
            columns = [source.sample_id, *source.events, *source.columns]
            event_store.append_table(source, tables[source.name][columns])
    settings = EtaSettings(model=saved_eta, event_store=str(path), max_clock_skew_s=LONG_S)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        patch.setenv("DOORSTEP_PREDICTION_LOG", str(folder / "predictions"))
        patch.setenv("DOORSTEP_PREDICTION_LOG_PART_S", "0.5")
        with (
            SqliteEventStore(path, sources=list(sources)) as event_store,
            AsgiClient(EtaService) as client,
        ):
            assert client.get("/readyz").status_code == 200
            yield Served(
                client, eta_dataset.table, trained_eta, event_store, folder / "predictions"
            )


@pytest.fixture(scope="module")
def delivered(served: Served) -> pd.DataFrame:
    """Orders of the period that no model has learned from, with all of their events."""
    orders = served.orders
    whole = orders[orders[list(LIFE)].notna().all(axis=1)].sort_values("activated")
    return whole.tail(60)


def test_the_eta_is_that_of_the_model_at_every_stage(
    served: Served, delivered: pd.DataFrame
) -> None:
    seen: dict[str, int] = {}
    for _, row in delivered.head(12).iterrows():
        for stage, moment in moments(row):
            facts = facts_of(row, moment)
            answer = served.ask(
                "/eta", order_id=row["order_id"], order=facts, as_of=moment.isoformat()
            )
            assert answer["stage"] == stage
            parts = answer["expected_s"]
            assert sum(parts[name] for name in SHOWN_PARTS) == answer["expected_eta_s"]
            if answer["status"] == "ok":
                expected = served.trained.model.estimate(
                    served.event_store,
                    as_of=moment.value // 1_000,
                    facts=facts,
                    sample_id=row["order_id"],
                    happened_us={event: row[event].value // 1_000 for event in LIFE},
                )
                assert answer["expected_eta_s"] == expected.expected_eta_s.item()
                assert answer["eta_s"]["0.9"] == pytest.approx(
                    expected.eta.quantile(0.9).item(), abs=0.0626
                )
                seen[stage] = seen.get(stage, 0) + 1
    assert set(seen) >= set(OPEN_STAGES) - {"not_placed", "both_at_store"}


def test_answers_hold_what_then_happened(served: Served, delivered: pd.DataFrame) -> None:
    inside: dict[str, list[bool]] = {}
    for _, row in delivered.iterrows():
        for stage, moment in list(moments(row))[::2]:
            answer = served.ask(
                "/eta",
                order_id=row["order_id"],
                order=facts_of(row, moment),
                as_of=moment.isoformat(),
                levels=[0.05, 0.95],
            )
            rest_s = (row["delivered"] - moment).total_seconds()
            low_s, high_s = answer["eta_s"]["0.05"], answer["eta_s"]["0.95"]
            inside.setdefault(stage, []).append(low_s <= rest_s <= high_s)
    everything = [one for of_stage in inside.values() for one in of_stage]
    assert len(everything) > 150
    assert 0.8 <= np.mean(everything) <= 0.98


def test_a_pair_is_the_order_with_that_courier(served: Served, delivered: pd.DataFrame) -> None:
    rows = [row for _, row in delivered.head(40).iterrows()]
    moment = rows[0]["activated"] + pd.Timedelta(seconds=30)
    couriers = {row["courier_id"]: row for row in rows}
    answer = served.ask(
        "/courier_selection",
        orders={
            "order_id": [rows[0]["order_id"]],
            "facts": {name: [plain(rows[0][name])] for name in FACTS},
        },
        couriers={
            "courier_id": list(couriers),
            "facts": {"vehicle": [row["vehicle"] for row in couriers.values()]},
        },
        distance_to_store_m=[[150.0 + 100.0 * k for k in range(len(couriers))]],
        as_of=moment.isoformat(),
        levels=LEVELS,
    )
    pairs = answer["pairs"]
    assert answer["refused"] == 0
    for k, (courier, row) in enumerate(couriers.items()):
        alone = served.ask(
            "/eta",
            order_id=rows[0]["order_id"],
            order={
                **facts_of(rows[0], moment),
                "courier_id": courier,
                "vehicle": row["vehicle"],
                "distance_to_store_m": 150.0 + 100.0 * k,
            },
            happened={"courier_assigned": (moment - pd.Timedelta(seconds=1)).isoformat()},
            as_of=moment.isoformat(),
            levels=LEVELS,
        )
        assert alone["expected_eta_s"] == pairs["expected_eta_s"][k]
        assert alone["eta_s"] == {level: pairs["eta_s"][level][k] for level in map(repr, LEVELS)}
        assert alone["at_store_s"]["0.5"] == pairs["at_store_s"]["0.5"][k]
        assert alone["ready_on_arrival"] == pairs["ready_on_arrival"][k]
        assert alone["courier_wait_s"] == pairs["courier_wait_s"][k]
        assert alone["food_wait_s"] == pairs["food_wait_s"][k]
        assert alone["status"] == pairs["status"][k]
    by_cost = sorted(range(len(couriers)), key=lambda k: (pairs["cost"][k], k))
    assert [pairs["rank"][k] for k in by_cost] == list(range(1, len(couriers) + 1))
    assert answer["orders"]["best_courier"] == [by_cost[0]]
    # Who is further away comes later: the model has learned that much.
    assert pairs["at_store_s"]["0.5"][-1] > pairs["at_store_s"]["0.5"][0]


def test_an_arrival_is_updated_as_events_come(served: Served, delivered: pd.DataFrame) -> None:
    row = delivered.iloc[5]
    start = row["activated"]
    facts = {name: plain(row[name]) for name in FACTS}
    known = {name: facts[name] for name in ("store_id", "city", "zone", "amount", "products")}

    def send(event: str, seconds: float, **data: Any) -> None:
        moment = start + pd.Timedelta(seconds=seconds)
        answer = served.client.post(
            "/events",
            json={
                "specversion": "1.0", "id": f"live/{event}", "source": "orders", "type": event,
                "subject": "live-1", "time": moment.isoformat(), "data": data,
            },
        )  # fmt: skip
        assert answer.json()["accepted"] == 1, answer.text

    def arrival(seconds: float) -> dict[str, Any]:
        as_of = start + pd.Timedelta(seconds=seconds)
        row_of = {"order_id": "live-1", "order": {"store_zone": facts["store_zone"]}}
        found = served.ask("/courier_arrival", orders=[row_of], as_of=as_of.isoformat())
        answer: dict[str, Any] = found["rows"][0]["answer"]
        return answer

    send("activated", 0, **known)
    send("accepted", 40)
    waiting = arrival(60)
    assert waiting["courier"] == "not_assigned"
    send("courier_assigned", 90, courier_id=row["courier_id"], distance_to_store_m=300.0)
    coming = arrival(91)
    assert coming["courier"] == "on_the_way"
    assert coming["expected_in_s"] < waiting["expected_in_s"]
    assert datetime.fromisoformat(coming["arrival_at"]["0.9"]) > coming_at(coming)
    send("ready", 120)
    assert arrival(121)["ready_on_arrival"] == 1.0
    send("courier_at_store", 180)
    there = arrival(200)
    assert there["courier"] == "at_store"
    assert pd.Timestamp(there["arrived_at"]) == start + pd.Timedelta(seconds=180)
    assert there["arrival_s"] is None


def coming_at(answer: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(answer["arrival_at"]["0.1"])


def test_ranges_are_shown_and_kept(served: Served, delivered: pd.DataFrame) -> None:
    stores = served.orders.drop_duplicates("store_id").head(30)
    row = delivered.iloc[0]
    body: dict[str, Any] = {
        "stores": {
            "store_id": stores["store_id"].tolist(),
            "facts": {
                name: [plain(one) for one in stores[name]]
                for name in ("store_category", "store_zone", "distance_m", "city")
            },
        },
        "order": {name: plain(row[name]) for name in ("zone", "building", "floor")}
        | {"amount": 20.0, "products": 2},
    }
    moment = row["activated"]
    first = served.ask("/displayed_eta", **body, as_of=moment.isoformat())
    ranges = first["ranges"]
    assert len(ranges["low_s"]) == len(stores)
    widths = np.array(ranges["high_s"]) - np.array(ranges["low_s"])
    assert widths.min() >= 600.0
    assert widths.max() <= 1_800.0
    later = moment + pd.Timedelta(seconds=20)
    again = served.ask("/displayed_eta", **body, as_of=later.isoformat(), shown=first["shown"])
    assert again["seen"] == len(stores)
    assert again["jump_rate"] <= 0.1
    assert "direct" in first["models"]


def test_provenance_is_in_every_answer(served: Served, delivered: pd.DataFrame) -> None:
    row = delivered.iloc[1]
    moment = row["accepted"] + pd.Timedelta(seconds=5)
    answer = served.ask(
        "/eta", order_id=row["order_id"], order=facts_of(row, moment), as_of=moment.isoformat()
    )
    needed = served.trained.model.needed(answer["stage"])
    assert set(answer["models"]) == {"eta", *needed}
    for part in needed:
        info = answer["models"][part]
        assert info["tag"].startswith(f"eta_{part}:")
        assert info["catalog_version"] == served.trained.model.parts[part].features.version
    assert set(pending_at("accepted")) <= set(needed)
    assert pd.Timestamp(answer["as_of"]) == moment


@pytest.mark.parametrize(
    "path", ["/eta", "/courier_selection", "/displayed_eta", "/courier_arrival"]
)
def test_the_example_of_the_description_is_answered(served: Served, path: str) -> None:
    answer = served.ask(path, **EVERY_SERVICE["eta"].endpoints()[path])
    assert answer["request_id"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/eta", '{"order_id": 1, "ordr": {}}', "ordr"),
        ("/eta", '{"order_id": 1, "order": {"amount": NaN}}', ""),
        ("/eta", '{"order_id": 1, "order": {"amount": 1e999}}', "order[...]"),
        ("/eta", '{"order_id": 1, "levels": [1.0]}', "levels[0]"),
        ("/eta", '{"order_id": 1, "as_of": "2026-03-02T12:00:00"}', "as_of"),
        ("/courier_selection", '{"orders": {"order_id": []}}', "orders.order_id"),
        ("/courier_selection", json.dumps({"orders": {"order_id": [1] * (MAX_ORDERS + 1)}}),
         "orders.order_id"),
        ("/courier_selection", json.dumps({
            "orders": {"order_id": [1]}, "couriers": {"courier_id": [1] * (MAX_COURIERS + 1)}}),
         "couriers.courier_id"),
        ("/courier_selection", '{"orders": {"order_id": [1]}, "couriers": {"courier_id": [1]},'
         ' "weights": {"eta": -1}}', "weights.eta"),
        ("/courier_selection", '{"orders": {"order_id": [1]}, "couriers": {"courier_id": [1]},'
         ' "weigths": {}}', "weigths"),
        ("/displayed_eta", json.dumps({"stores": {"store_id": [1] * (MAX_STORES + 1)}}),
         "stores.store_id"),
        ("/displayed_eta", '{"stores": {"store_id": [1]}, "policy": {"levl": 0.9}}', "policy.levl"),
        ("/courier_arrival", '{"orders": []}', "orders"),
    ],
)  # fmt: skip
def test_refuses_with_the_field(served: Served, path: str, body: str, field: str) -> None:
    answer = served.client.post(
        path, content=body.encode(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["field"] == field, problem
    assert problem["reason"]


def test_an_eta_is_explained_in_parts_that_add_up(served: Served, delivered: pd.DataFrame) -> None:
    row = delivered.iloc[3]
    moment = row["courier_assigned"] + pd.Timedelta(seconds=5)
    body = {"order_id": row["order_id"], "order": facts_of(row, moment)}
    plain_answer = served.ask("/eta", **body, as_of=moment.isoformat())
    answer = served.ask("/eta", **body, as_of=moment.isoformat(), explain=True)
    explained = answer.pop("explanation")
    assert plain_answer.pop("explanation") is None
    assert answer == {**plain_answer, "request_id": answer["request_id"]}
    assert explained["expected_eta_s"] == answer["expected_eta_s"]
    for part in explained["parts"]:
        assert part["seconds"] == answer["expected_s"][part["name"]]
        reasons_s = sum(reason["seconds"] for reason in part["reasons"])
        assert part["usual_s"] + reasons_s + part["other_s"] == part["seconds"]
    assert any(part["reasons"] for part in explained["parts"])
    assert " min = " in explained["sentence"]
    for what_if in explained["counterfactuals"]:
        changed_s = what_if["expected_eta_s"] - answer["expected_eta_s"]
        assert what_if["difference_s"] == changed_s


def test_estimates_are_logged(served: Served, delivered: pd.DataFrame) -> None:
    row = delivered.iloc[2]
    moment = row["accepted"] + pd.Timedelta(seconds=5)
    answer = served.ask(
        "/eta", order_id=row["order_id"], order=facts_of(row, moment), as_of=moment.isoformat()
    )
    found = logged_row(served.log, answer["request_id"])
    assert found["mean_s"] == answer["expected_eta_s"]
    assert found["model_tag"] == answer["models"]["eta"]["tag"]


def logged_row(folder: Path, request_id: str) -> Any:
    """The logged estimate of a request, once it is written."""

    def rows() -> Any:
        if not folder.is_dir():
            return []
        logged = read_predictions(folder, service="eta")
        return logged[logged["request_id"] == request_id] if len(logged) else logged

    wait_until(lambda: len(rows()), f"{request_id} in the log", pause_s=0.1)
    return rows().iloc[0]
