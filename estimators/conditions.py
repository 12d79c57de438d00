"""Conditions: by how many seconds weather and local events lengthen a courier's way.

The base estimators of the way (courier travel to the store and to the customer, parking) see
neither. Conditions are learned from their residuals:

    label = max(at_store, ready) - max(assigned + to_store, ready)
            + (courier_at_customer - picked_up) - to_customer
            + (delivered - courier_at_customer) - parking

where ``to_store``, ``to_customer`` and ``parking`` are means of base models. The first line is the
part of a late arrival that delays the order: a courier who is late for food that is not ready costs
nothing. The label is the error of a composition of these base estimators for an order whose kitchen
is known. Added to such a composition it corrects its mean, in any weather. Seconds may be negative:
on a dry day couriers are quicker than a model expects that does not know the weather.

The base models of a row are asked at the same event as the conditions. They use everything that is
known of orders at that moment, including the duration of the last rides: the effect of a storm on
those is in the base, and only the rest is here. They were trained on the rows that had ended before
the row's block of time (see ``BLOCKS``), so their errors on the row are like their errors in the
future. Their average error, over all weather, is not an effect of conditions and is subtracted.

The estimate's *spread* is that of the label, mostly chance that the parts of a composition already
contain. So a composition adds the mean alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregators import Aggregator, Duration, Source
from aggregators.catalog import LOCAL_EVENTS, WEATHER, features_for
from aggregators.times import NEVER, column_to_us
from estimators.core.dataset import Dataset
from estimators.core.errors import DatasetError
from estimators.core.typing import FloatArray, IntArray
from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel
from estimators.model.base import Estimator
from estimators.parking import PARKING, Parking
from estimators.quantiles.boosting import BoostingParameters

if TYPE_CHECKING:
    import lightgbm as lgb

    from estimators.training.matrix import FeatureMatrix

__all__ = [
    "BEFORE_PICKUP",
    "BLOCKS",
    "CONDITION_SOURCES",
    "ON_THE_WAY",
    "Conditions",
    "pickup_delay_s",
]

BEFORE_PICKUP = Duration("courier_assigned", "delivered")
"""Asked when an order has a courier: the effect of conditions on the whole way."""

ON_THE_WAY = Duration("picked_up", "delivered")
"""Asked when the order is picked up: the effect on the rest of the way."""

CONDITION_SOURCES = (WEATHER.name, LOCAL_EVENTS.name)

BLOCKS = 4
"""The number of blocks of equal size of the training period. Each but the first has the base of
models of the earlier blocks; the test period has that of models of all blocks.
"""

FACTS = ("distance_to_store_m", "distance_m", "vehicle", "city", "zone", "store_zone")
"""Facts that determine the exposure of an order to weather and traffic."""

SEEN_ALREADY = (
    "city_speed_15min_mean_m_s",
    "city_speed_60min_mean_m_s",
    "city_parking_15min_mean_s",
    "zone_speed_15min_mean_m_s",
    "zone_parking_15min_mean_s",
)
"""What the base already knows of the conditions: after slow rides it expects slow rides."""

MEAN_TREES = 200
MEAN_SETTINGS = {
    "objective": "l2",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "cat_smooth": 60.0,
    "cat_l2": 60.0,
}
"""Parameters of the base's means: those of the estimators' ensembles, but for the loss."""

MIN_ROWS = 100
"""The fewest rows to learn a mean from."""

_LEGS: tuple[tuple[Duration, type[Estimator]], ...] = (
    (TO_STORE, CourierTravel),
    (TO_CUSTOMER, CourierTravel),
    (PARKING, Parking),
)


class Conditions(Estimator):
    """Extra seconds of a courier's way, caused by weather and local events.

    ``BEFORE_PICKUP`` and ``ON_THE_WAY`` are separate models; the target of the data set decides
    which one is meant.

    >>> orders = Source("orders", sample_id="id", events=("courier_assigned", "delivered"))
    >>> features = Conditions.features_for(orders, BEFORE_PICKUP, (WEATHER, LOCAL_EVENTS))
    >>> {feature.source.name for feature in features} == {"weather", "local_events"}
    True
    """

    name = "conditions"
    calibration_groups: ClassVar[tuple[str, ...]] = ("city",)
    default_parameters = BoostingParameters(
        scale="linear",
        middle_loss="l2",
        median_trees=150,
        outer_trees=100,
        leaves=7,
        min_rows_per_leaf=100,
        outer_min_rows_per_leaf=100,
        feature_share=0.6,
        day_profile=False,
    )

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return every feature of weather and local events, and of recent rides under them."""
        found = [
            feature
            for one in (source, *others)
            for feature in features_for(one)
            if one.name in CONDITION_SOURCES or feature.name in SEEN_ALREADY
        ]
        # A feature of the orders stands first: the order itself is left out of theirs alone.
        return sorted(found, key=lambda feature: feature.source.name in CONDITION_SOURCES)

    @classmethod
    def prepared(cls, dataset: Dataset, *, num_threads: int = 1, seed: int = 0) -> Dataset:
        """Return the data set with the base subtracted from its durations.

        Args:
            dataset: asks about ``BEFORE_PICKUP`` or ``ON_THE_WAY``, has the weather or local events
                beside the orders. One that has a base already is returned as it is.
            num_threads: of the features and of LightGBM; the result does not depend on it.
            seed: fixes everything random.

        Raises:
            DatasetError: another question, neither weather nor local events, or too few rows.
        """
        if dataset.base_s is not None:
            return dataset
        if dataset.target not in (BEFORE_PICKUP, ON_THE_WAY) or (
            dataset.as_of != dataset.target.start
        ):
            raise DatasetError(
                f"data set {dataset.name!r} asks at {dataset.as_of!r} about {dataset.target};"
                f" conditions answer {BEFORE_PICKUP} or {ON_THE_WAY}, asked when it begins"
            )
        condition_sources = [one.name for one in dataset.others if one.name in CONDITION_SOURCES]
        if not condition_sources:
            raise DatasetError(
                f"data set {dataset.name!r}: conditions are learned from weather and local events,"
                f" but there is no source {' or '.join(CONDITION_SOURCES)} beside the orders"
            )
        late_s = _late_s(dataset.without(*condition_sources), num_threads, seed)
        trains = dataset.trains & ~np.isnan(late_s)
        if not trains.any():
            raise DatasetError(f"data set {dataset.name!r}: no row that the base has not seen")
        return replace(
            dataset,
            numbers=tuple(name for name in dataset.numbers if name in FACTS),
            categories=tuple(name for name in dataset.categories if name in FACTS),
            # The base knows the hour; here it could only stand for what the base has missed of it.
            timezone_by="",
            baseline=None,
            base_s=dataset.duration_s - (late_s - late_s[trains].mean()),
            published={},
        )


def _late_s(base_dataset: Dataset, num_threads: int, seed: int) -> FloatArray:
    """Return by how much each order was later than the base models predict; NaN: no prediction."""
    late_s = np.zeros(len(base_dataset.table))
    for leg, estimator_class in _LEGS:
        if base_dataset.source.events.index(leg.start) < base_dataset.source.events.index(
            base_dataset.as_of
        ):
            continue
        asked = base_dataset.about(leg, as_of=leg.start).about(leg, as_of=base_dataset.as_of)
        base_s = _base_s(estimator_class, asked, num_threads, seed)
        if leg == TO_STORE:
            late_s += pickup_delay_s(asked, base_s)
        else:
            late_s += asked.duration_s - base_s
    return late_s


def pickup_delay_s(dataset: Dataset, base_s: FloatArray) -> FloatArray:
    """Return the delay of orders at the store that a late courier caused.

    Args:
        dataset: asks about ``TO_STORE``.
        base_s: the expected duration of the courier's way, seconds, shape (n_rows,).

    Returns:
        Seconds, shape (n_rows,): 0 while the kitchen cooks. Without a press of ``ready`` the food
        counts as ready.
    """
    assigned_us = dataset.as_of_us
    ready_us = column_to_us(dataset.table["ready"], "column 'ready'")
    ready_s = np.where(
        (assigned_us == NEVER) | (ready_us == NEVER), np.nan, (ready_us - assigned_us) / 1e6
    )
    return np.asarray(np.fmax(dataset.duration_s, ready_s) - np.fmax(base_s, ready_s))


def _base_s(
    estimator_class: type[Estimator], base_dataset: Dataset, num_threads: int, seed: int
) -> FloatArray:
    """Return a base model's out-of-sample mean for each row."""
    from estimators.training.matrix import FeatureMatrix
    from estimators.training.train import unfitted

    estimator = unfitted(estimator_class, base_dataset)
    matrix = FeatureMatrix.compute(estimator, base_dataset, threads=num_threads)
    learned, tested = matrix.learned, matrix.tested
    mean_s = np.full(len(matrix.X), np.nan)
    asked_us = matrix.as_of_us[learned]

    def mean_of(rows: IntArray, asked: IntArray) -> FloatArray:
        model = _mean_model(matrix, rows, num_threads, seed)
        return np.asarray(model.predict(matrix.X[asked], num_threads=num_threads))

    edges_us = np.quantile(asked_us, np.linspace(0.0, 1.0, BLOCKS + 1)[1:-1], method="higher")
    for start_us, end_us in zip(edges_us, [*edges_us[1:], np.inf], strict=True):
        before = learned[(asked_us < start_us) & (matrix.ended_us[learned] < start_us)]
        inside = learned[(asked_us >= start_us) & (asked_us < end_us)]
        if len(inside):
            mean_s[inside] = mean_of(before, inside)
    if len(tested):
        mean_s[tested] = mean_of(learned, tested)
    base_s = np.full(len(base_dataset.table), np.nan)
    base_s[base_dataset.trains | base_dataset.tests] = mean_s
    return base_s


def _mean_model(matrix: FeatureMatrix, rows: IntArray, num_threads: int, seed: int) -> lgb.Booster:
    """Learn the mean from the base estimator's own columns, by least squares."""
    if len(rows) < MIN_ROWS:
        raise DatasetError(
            f"{len(rows)} labelled rows in the first part of the training period; conditions need"
            f" at least {MIN_ROWS} for a base"
        )
    import lightgbm as lgb

    data = lgb.Dataset(
        matrix.X[rows],
        matrix.target_s[rows],
        feature_name=list(matrix.names),
        categorical_feature=list(matrix.estimator.facts.categories),
        params={"verbosity": -1},
    )
    settings = {
        **MEAN_SETTINGS,
        "seed": seed,
        "num_threads": num_threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return lgb.train(settings, data, MEAN_TREES)
