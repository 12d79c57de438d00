"""Moments of orders' lives: what is drawn, and that a row knows nothing of what came later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aggregators.errors import UnknownNameError
from aggregators.times import column_to_us, from_us
from commands.data.sources import dataset_of_cities
from estimators import Dataset, DatasetError
from estimators.core.stages import OPEN_STAGES, asked_at
from estimators.eta.moments import Moments
from estimators.eta.parts import COURIER_FACTS, PART_SPECS
from estimators.eta.rows import true_ready_us
from estimators.eta.trained import TrainedEta
from simulator import Imperfections, Scenario

PARTS = tuple(PART_SPECS)


@pytest.fixture(scope="module")
def moments(eta_dataset: Dataset) -> Moments:
    return Moments.draw(eta_dataset, seed=3, per_order=4.0)


def test_every_delivered_order_is_asked_about_when_it_has_a_courier(moments: Moments) -> None:
    table = moments.dataset.table
    delivered = np.flatnonzero(table["delivered"].notna())
    assert set(moments.rows) == set(delivered)
    assigned = moments.stage == "courier_assigned"
    ready = moments.stage == "ready"
    just_now = moments.as_of_us - moments.event_us["courier_assigned"]
    asked = (assigned | ready) & (just_now > 0) & (just_now <= 2_000_000)
    assert len(set(moments.rows[asked])) > 0.99 * len(delivered)


def test_moments_lie_in_all_stages_and_before_the_end(moments: Moments) -> None:
    assert set(moments.stage) == set(OPEN_STAGES)
    assert (np.diff(moments.as_of_us) >= 0).all()
    assert (moments.as_of_us < moments.ended_us).all()
    assert 3.0 < len(moments) / len(set(moments.rows)) < 5.0
    assert not (moments.trains & moments.tests).any()


def test_there_are_no_more_rows_than_wanted(eta_dataset: Dataset) -> None:
    few = Moments.draw(eta_dataset, seed=3, rows_max=1_000)
    assert int(few.trains.sum()) <= 1_100  # each moment is kept or not by itself
    assert set(few.stage) == set(OPEN_STAGES)  # fewer orders, not fewer stages


def test_the_same_seed_draws_the_same(eta_dataset: Dataset, moments: Moments) -> None:
    again = Moments.draw(eta_dataset, seed=3, per_order=4.0)
    assert np.array_equal(again.rows, moments.rows)
    assert np.array_equal(again.as_of_us, moments.as_of_us)
    other = Moments.draw(eta_dataset, seed=4, per_order=4.0)
    assert not np.array_equal(other.as_of_us[:50], moments.as_of_us[:50])


def test_long_lives_are_as_often_asked_about_as_they_last(moments: Moments) -> None:
    """Who has waited so long must not look as if the order were about to come.

    Random moments fall into every minute of every order's life with the same chance.
    """
    life_s = (moments.ended_us - moments.event_us["activated"]) / 1e6
    table = moments.dataset.table
    whole_s = (table["delivered"] - table["activated"]).dt.total_seconds().dropna().to_numpy()
    since_last = np.min(
        [
            np.where(moments.as_of_us > time, moments.as_of_us - time, np.iinfo(np.int64).max)
            for time in moments.event_us.values()
        ],
        axis=0,
    )
    anywhere = (since_last > 2_000_000) & (moments.stage != "not_placed")
    by_length = np.average(whole_s, weights=whole_s)
    assert life_s[anywhere].mean() == pytest.approx(by_length, rel=0.05)


def test_a_courier_is_unknown_before_there_is_one(moments: Moments) -> None:
    known = moments.columns((*COURIER_FACTS, "floor"))
    has_courier = moments.event_us["courier_assigned"] < moments.as_of_us
    for name in COURIER_FACTS:
        assert known[name].isna().to_numpy()[~has_courier].all()
        assert known[name].notna().to_numpy()[has_courier].all()
    assert known["floor"].notna().all()


@pytest.mark.parametrize("part", PARTS)
def test_what_comes_later_changes_no_input(
    part: str, moments: Moments, trained_eta: TrainedEta
) -> None:
    """Cut the tables off at the moment of a row: its inputs stay the same, bit for bit."""
    estimator = trained_eta.parts[part].estimator
    chosen = moments[np.linspace(50, len(moments) - 1, 6).astype(np.int64)]
    whole = chosen.inputs(estimator)
    for row in range(len(chosen)):
        one = chosen[np.array([row])]
        cut = replace(one, dataset=_until(moments.dataset, int(one.as_of_us[0])))
        # The row's own later life is what the labels are made of, not what the inputs are.
        assert np.array_equal(cut.inputs(estimator), whole[[row]], equal_nan=True), row


def _until(dataset: Dataset, as_of_us: int) -> Dataset:
    """The data set as it was at a moment: later events and what they tell are gone."""
    moment = pd.Timestamp(from_us(as_of_us))
    table = dataset.table.copy()
    assigned = table["courier_assigned"] < moment
    for event in dataset.source.events:
        table[event] = table[event].where(table[event] < moment)
    for name in COURIER_FACTS:
        table[name] = table[name].where(assigned)
    others = {}
    for source, beside in dataset.others.items():
        first = column_to_us(beside[source.events[0]], "time")
        past = beside[np.asarray(first < as_of_us)].copy()
        for event in source.events:
            past[event] = past[event].where(past[event] < moment)
        others[source] = past
    return replace(dataset, table=table, others=others)


def test_orders_without_all_events_are_refused(eta_dataset: Dataset) -> None:
    table = eta_dataset.table.copy()
    table["delivered"] = table["delivered"].where(np.zeros(len(table), dtype=bool))
    with pytest.raises(DatasetError, match="no order was delivered"):
        Moments.draw(replace(eta_dataset, table=table))
    source = replace(
        eta_dataset.source,
        events=tuple(event for event in eta_dataset.source.events if event != "ready"),
    )
    with pytest.raises(UnknownNameError, match="ready"):
        Moments.draw(replace(eta_dataset, source=source))


def test_a_button_that_nobody_presses_still_teaches_when_food_is_ready() -> None:
    dataset = dataset_of_cities(
        Scenario(cities=1, days=8, orders=1_500, seed=109, imperfections=Imperfections.typical())
    )
    moments = Moments.draw(dataset, seed=1, per_order=2.0)
    ready_us = true_ready_us(dataset, num_threads=1, seed=0)
    assert ready_us is not None
    learned = replace(moments, ready_us=ready_us)
    asked = moments.trains & asked_at("ready", moments.stage)
    recorded, known = (~np.isnan(one.rest_s("ready")[asked]) for one in (moments, learned))
    assert known.mean() > recorded.mean() + 0.02
    assert np.nanmean(learned.rest_s("ready")[asked]) < np.nanmean(moments.rest_s("ready")[asked])
