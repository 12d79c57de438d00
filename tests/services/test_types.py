"""Types of ids and keys at intake: the one wrong event is refused, whoever knows what is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aggregators import MemoryEventStore, SqliteEventStore, StoreTypesError
from estimators.model.saved_sources import typed_sources
from services.core.errors import SettingError
from services.estimation.loading import common_sources
from services.event_store.opening import open_event_store, open_event_store_of_models
from tests.services.building import ORDERS, cloud_event
from tests.services.intake.test_intake import take

TYPED = replace(ORDERS, types={"order_id": str})


def refusals(answer: Any) -> list[tuple[str, str]]:
    return [(one.field, one.reason) for one in answer.events if one.status == "refused"]


def test_a_wrong_first_event_is_refused_alone() -> None:
    (learned,) = typed_sources([TYPED], {"store_id": (3, 7)})
    event_store = MemoryEventStore([learned])
    wrong = [
        cloud_event(id="a", subject=1, data={"store_id": 3}),
        cloud_event(id="b", subject="o-1", data={"store_id": "3"}),
    ]
    right = [cloud_event(id=str(n), subject=f"o-{n}", data={"store_id": n}) for n in range(2, 200)]
    answer = take(event_store, *wrong, *right)
    assert answer.accepted == len(right)
    (id_field, id_reason), (key_field, key_reason) = refusals(answer)
    assert (id_field, key_field) == ("subject", "data")
    assert "sample id 1" in id_reason
    assert "is an integer; expected a string" in id_reason
    assert "'store_id'" in key_reason
    assert "'3', a string; expected an integer" in key_reason


def test_what_a_model_learned_is_the_type_of_a_dimension() -> None:
    declared = replace(ORDERS, types={"store_id": int})
    for source, categories, expected in (
        (ORDERS, {"store_id": ("a", "b")}, {"store_id": str}),
        (ORDERS, {"store_id": (3, "a")}, {}),
        (ORDERS, {"store_id": (), "nobody": (1,)}, {}),
        (declared, {"store_id": ("a",)}, {"store_id": int}),
    ):
        (found,) = typed_sources([source], categories)
        assert found.types == expected


def test_models_must_agree() -> None:
    integers = replace(ORDERS, types={"store_id": int})
    (found,) = common_sources([[ORDERS], [integers], [TYPED]])
    assert found.types == {"store_id": int, "order_id": str}
    with pytest.raises(SettingError, match="in two ways"):
        common_sources([[integers], [replace(ORDERS, types={"store_id": str})]])


def test_a_store_of_other_types_serves_models_and_says_how_to_mend_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "events.db")
    with SqliteEventStore(path, [ORDERS]) as event_store:
        take(event_store, cloud_event(data={"store_id": "3"}))
    typed = replace(ORDERS, types={"store_id": int})
    with pytest.raises(StoreTypesError, match="doorstep store mend"):
        open_event_store(path, [typed])
    with open_event_store_of_models(path, [typed]) as opened:
        assert opened.count(ORDERS) == 1
        assert take(opened, cloud_event(subject="o-9", data={"store_id": "4"})).accepted == 1
    assert "doorstep store mend" in caplog.text
