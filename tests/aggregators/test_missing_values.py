"""A text that stands for no value is missing: in events, in tables, in every store.

Tests `aggregators.value_checks` as well.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import (
    DefinitionError,
    Event,
    EventStore,
    FeatureSet,
    MemoryEventStore,
    SampleIdError,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
)
from aggregators.tables.groups import Groups, group_codes, without_missing

PARCELS = Source(
    "parcels",
    sample_id="parcel",
    events=("handed_in", "handed_out"),
    dimensions=("depot", "van"),
    attributes=("weight",),
    facts=("note",),
    missing=("", "NULL", "n/a"),
)
PLAIN = replace(PARCELS, missing=())
NOON = pd.Timestamp("2027-11-05T12:00:00Z")


def _store(source: Source, value: object) -> MemoryEventStore:
    store = MemoryEventStore(sources=[source])
    data = {"depot": value, "van": 7, "weight": 2.5, "note": "fragile"}
    store.append([Event("parcels", "p-1", "handed_in", NOON.to_pydatetime(), data)])
    return store


def _row(store: EventStore) -> pd.Series:
    return store.table(PARCELS).iloc[0]


@pytest.mark.parametrize("text", ["NULL", " NULL ", "n/a", "", "  "])
def test_an_event_does_not_carry_a_missing_text(text: str) -> None:
    assert pd.isna(_row(_store(PARCELS, text))["depot"])
    assert _row(_store(PLAIN, text))["depot"] == text
    every = {"depot": text, "van": text, "weight": text, "note": text}
    store = MemoryEventStore(sources=[PARCELS])
    store.append([Event("parcels", "p-1", "handed_in", NOON.to_pydatetime(), every)])
    assert _row(store)[[*every]].isna().all()


@pytest.mark.parametrize("value", ["null", "NULLS", 0])
def test_other_values_stay(value: object) -> None:
    assert _row(_store(PARCELS, value))["depot"] == value


def test_a_missing_text_fits_among_integers() -> None:
    store = _store(PARCELS, 3)
    store.append(
        [Event("parcels", "p-2", "handed_in", NOON.to_pydatetime(), {"depot": "NULL", "van": 8})]
    )
    assert store.table(PARCELS)["depot"].tolist()[0] == 3
    assert store.table(PARCELS)["depot"].isna().tolist() == [False, True]


def test_a_missing_text_is_no_id() -> None:
    store = MemoryEventStore(sources=[PARCELS])
    with pytest.raises(SampleIdError, match=r"'NULL', a text that stands for no value"):
        store.append([Event("parcels", "NULL", "handed_in", NOON.to_pydatetime())])
    assert store.table(PARCELS).empty


def test_training_and_inference_agree_on_missing_texts() -> None:
    features = FeatureSet(
        [
            StatsBetweenEvents(
                PARCELS, dimension="depot", function="count",
                first_event="handed_in", second_event="handed_out",
            ),
            StatsAfterEvent(
                PARCELS, dimension="depot", function="sum", attribute="weight",
                event="handed_in", window="2h",
            ),
        ]
    )  # fmt: skip
    depots = ["north", "NULL", "NULL", "north", " n/a", None]
    table = pd.DataFrame(
        {
            "parcel": [f"p-{i}" for i in range(6)],
            "depot": depots,
            "van": [1, 1, 2, 2, 3, 3],
            "weight": np.arange(6.0),
            "handed_in": [NOON + pd.Timedelta(minutes=i) for i in range(6)],
            "handed_out": pd.Series([pd.NaT] * 6, dtype="datetime64[us, UTC]"),
        }
    )
    clean: list[Any] = ["north", None, None, "north", None, None]
    cleaned = table.assign(depot=pd.Series(clean))
    trained = features.transform(table, "training", as_of="handed_in")
    pd.testing.assert_frame_equal(
        trained, features.transform(cleaned, "training", as_of="handed_in"), check_exact=True
    )
    store = MemoryEventStore(sources=[PARCELS])
    rows: list[dict[Any, Any]] = table.to_dict("records")
    for row in rows:
        data = {name: row[name] for name in ("depot", "van", "weight")}
        store.append([Event("parcels", row["parcel"], "handed_in", row["handed_in"], data)])
    for i, row in enumerate(rows):
        served = features.transform(
            store, "inference", as_of=row["handed_in"], keys={"depot": row["depot"]},
            sample_id=row["parcel"],
        )  # fmt: skip
        assert [*served.values()] == trained.iloc[i].tolist()


def test_a_table_is_taken_into_a_store_without_them() -> None:
    table = pd.DataFrame(
        {
            "parcel": ["a", "b"], "depot": ["NULL", "x"], "van": ["v", "n/a"],
            "weight": [1.0, 2.0], "note": ["NULL", "red"],
            "handed_in": [NOON, NOON], "handed_out": [NOON, NOON],
        }
    )  # fmt: skip
    store = MemoryEventStore(sources=[PARCELS])
    store.append_table(PARCELS, table)
    found = store.table(PARCELS).set_index("parcel")[["depot", "van", "note"]]
    assert found.isna().to_numpy().tolist() == [[True, False, True], [False, True, False]]


def test_groups_without_missing_values_are_those_of_a_cleaned_column() -> None:
    column = pd.Series(["NULL", "b", None, "NULL", "a", "b", "n/a"])
    found = without_missing(group_codes(column, "column"), PARCELS.is_missing)
    expected = group_codes(column.where(~column.isin(["NULL", "n/a"])), "column")
    assert found.codes.tolist() == expected.codes.tolist()
    assert found.values.tolist() == expected.values.tolist()
    numbers = Groups(np.array([0, 1], np.int32), pd.Index([7, 9]))
    assert without_missing(numbers, PARCELS.is_missing) is numbers


def test_missing_texts_change_no_feature_and_survive_a_process() -> None:
    assert PARCELS == PLAIN
    assert hash(PARCELS) == hash(PLAIN)
    assert pickle.loads(pickle.dumps(PARCELS)).missing == PARCELS.missing
    with pytest.raises(DefinitionError, match="missing is 'NULL'; expected texts"):
        replace(PARCELS, missing="NULL")  # type: ignore[arg-type]
