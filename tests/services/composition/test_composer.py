"""Rows of all stages in one composition: each as if it were alone, each part asked what it must."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from aggregators.times import moment_to_us
from estimators.core.stages import ELAPSED, OPEN_STAGES, pending_at
from estimators.eta.composition import SHOWN_PARTS
from estimators.eta.model import EtaModel
from estimators.fallback.model import Fallback
from estimators.quantiles.calibration import GRID_LEVELS
from services.composition.composer import Composer, Composition
from services.core.limits import MAX_NOTES
from services.estimation.results import STATUSES
from services.estimation.rows import RequestRows
from tests.services.building import NOON
from tests.services.fake_parts import City, run


def rows_of(stages: list[str], **changes: Any) -> RequestRows:
    n = len(stages)
    columns: dict[str, Any] = {name: [None] * n for name in ELAPSED}
    columns["products"] = [1 + k % 5 for k in range(n)]
    columns["distance_m"] = [500.0 + 100.0 * k for k in range(n)]
    return RequestRows(
        columns=columns,
        sample_ids=[f"o-{k}" for k in range(n)],
        as_of_us=np.full(n, moment_to_us(NOON, "noon")),
        stages=np.array(stages, dtype=np.str_),
        **changes,
    )


def of(composition: Composition, row: int) -> list[Any]:
    """All numbers of one row."""
    return [
        composition.eta.values[row].tolist(),
        composition.at_store.values[row].tolist(),
        [composition.expected_s[name][row] for name in SHOWN_PARTS],
        composition.ready_on_arrival[row],
        composition.courier_wait_s[row],
        composition.food_wait_s[row],
    ]


def test_a_row_among_others_is_the_row_alone() -> None:
    stages = [*OPEN_STAGES, *reversed(OPEN_STAGES), "ready"]
    city = City()
    rows = rows_of(stages)
    together = run(city.composer.compose(rows))
    for row in range(len(stages)):
        alone = run(city.composer.compose(rows.take(np.array([row]))))
        assert of(alone, 0) == of(together, row), stages[row]
    assert together.expected_eta_s.tolist() == [
        sum(one[2]) for one in (of(together, row) for row in range(len(stages)))
    ]


def test_each_part_is_asked_about_the_rows_that_need_it() -> None:
    stages = ["picked_up", "accepted", "courier_at_store", "accepted"]
    city = City()
    run(city.composer.compose(rows_of(stages)))
    (asked,) = city.parts.asked
    for part, rows in asked.items():
        needing = [k for k, stage in enumerate(stages) if part in pending_at(stage)]
        assert list(rows.sample_ids) == [f"o-{k}" for k in needing], part
        assert list(rows.columns["distance_m"]) == [500.0 + 100.0 * k for k in needing]


def test_only_what_is_wanted_is_asked() -> None:
    city = City()
    rows = rows_of(["accepted", "ready"])
    meeting = run(city.composer.compose(rows, only=("to_store", "ready")))
    assert set(city.parts.asked[0]) == {"to_store", "ready"}
    whole = run(city.composer.compose(rows))
    assert meeting.at_store == whole.at_store
    assert meeting.ready_on_arrival.tolist() == whole.ready_on_arrival.tolist()
    assert meeting.courier_wait_s.tolist() == whole.courier_wait_s.tolist()


def test_a_part_that_looks_at_the_courier_is_asked_for_every_pair() -> None:
    city = City()
    sees_couriers = SimpleNamespace(
        facts=SimpleNamespace(inputs=("products", "vehicle")),
        features=SimpleNamespace(dimensions=("store_id",)),
    )
    model = EtaModel(parts=cast(Any, {"ready": sees_couriers}))
    composer = Composer(model, city.parts, city.threads, metrics=city.metrics)
    rows, orders = rows_of(["accepted"] * 6), rows_of(["accepted"] * 2)
    order_of = np.array([0, 0, 0, 1, 1, 1])
    run(composer.compose(rows, orders=orders, order_of=order_of))
    sizes = {part: len(one.sample_ids) for part, one in city.parts.asked[0].items()}
    assert (sizes["ready"], sizes["conditions"]) == (6, 2)


@pytest.mark.parametrize("part", ["ready", "parking"])
def test_the_status_is_the_worst_of_the_parts_that_were_needed(part: str) -> None:
    city = City()
    city.parts.statuses = {part: "fallback", "conditions": "input_clipped"}
    stages = ["accepted", "picked_up"]
    found = run(city.composer.compose(rows_of(stages, notes={1: ["it is dark"]})))
    for row, stage in enumerate(stages):
        expected = "fallback" if part in pending_at(stage) else ("input_clipped", "degraded")[row]
        assert STATUSES[found.codes[row]] == expected
        assert (f"{part} is not itself" in found.notes[row]) == (part in pending_at(stage))
    assert "it is dark" in found.notes[1]


def test_an_eta_reaches_as_far_as_is_usual_where_a_part_fell_back() -> None:
    city = City()
    usual = Fallback.constant(np.linspace(200.0, 6_000.0, len(GRID_LEVELS)).tolist())
    model = EtaModel(parts={}, fallbacks={"direct": usual})
    composer = Composer(model, city.parts, city.threads, metrics=city.metrics)
    rows = rows_of(["accepted", "picked_up"])
    sure = run(composer.compose(rows))
    city.parts.statuses = {"ready": "fallback"}
    unsure = run(composer.compose(rows))
    width_s = [one.eta.quantile(0.9) - one.eta.quantile(0.1) for one in (sure, unsure)]
    assert width_s[1][0] > 1.5 * width_s[0][0]
    assert width_s[1][1] == width_s[0][1], "this one needed no kitchen"
    assert unsure.eta.quantile(0.5).tolist() == sure.eta.quantile(0.5).tolist()
    assert unsure.eta.values.min() >= 0.0
    assert unsure.expected_eta_s.tolist() == sure.expected_eta_s.tolist()
    meeting = run(composer.compose(rows.take(np.array([0])), only=("to_store", "ready")))
    assert meeting.eta.quantile(0.9).item() < unsure.eta.quantile(0.9)[0]


def test_notes_are_bounded() -> None:
    notes = {0: [f"note {k}" for k in range(2 * MAX_NOTES)]}
    found = run(City().composer.compose(rows_of(["accepted"], notes=notes)))
    assert len(found.notes[0]) == MAX_NOTES


def test_composing_is_timed() -> None:
    city = City()
    run(city.composer.compose(rows_of(["accepted"])))
    labels = {"service": "eta"}
    assert city.registry.get_sample_value("doorstep_model_seconds_count", labels) == 1.0
