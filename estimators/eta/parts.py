"""The estimators of an ETA's parts, each asked at any moment of an order.

They are the estimators of the same names, with the same features, but their target is the remaining
time (see :mod:`estimators.core.stages`), and how long ago the order's past events were is among
their facts. So one model per part answers at every stage. They are trained together, by
:mod:`estimators.eta.training`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aggregators import Aggregator, Duration, Source
from aggregators.catalog import features_for
from estimators.conditions import BEFORE_PICKUP, FACTS, Conditions
from estimators.core.dataset import Dataset
from estimators.core.errors import DatasetError
from estimators.core.stages import DIRECT, elapsed_name
from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel
from estimators.etp import Etp
from estimators.model.base import Estimator
from estimators.parking import PARKING, Parking
from estimators.quantiles.boosting import BoostingParameters
from estimators.wall_eta import WallEta

__all__ = [
    "COURIER_FACTS",
    "PART_CLASSES",
    "PART_SPECS",
    "PartSpec",
    "RestConditions",
    "RestDirect",
    "RestParking",
    "RestReady",
    "RestToCustomer",
    "RestToStore",
]

COURIER_FACTS = ("courier_id", "vehicle", "distance_to_store_m")
"""Facts that are unknown before ``courier_assigned``, whatever the source declares."""

FINDING_COURIER = (
    "city_assignment_last_20_mean_s",
    "city_assignment_15min_p90_s",
    "store_assignment_last_5_mean_s",
    "store_unassigned_orders",
    "store_unassigned_oldest_s",
    "city_unassigned_accepted_mean_age_s",
    "city_busy_couriers",
    "store_arriving_couriers",
    "city_courier_waiting_orders",
    "store_arrival_last_10_mean_s",
)
"""Features of the catalog about the time until an order has a courier."""

HANDING_OVER = (
    "store_courier_waiting_orders",
    "store_courier_wait_last_3_mean_s",
    "store_courier_wait_last_50_median_s",
)
"""Features of the catalog about the handover at the store."""


def _small(parameters: BoostingParameters) -> BoostingParameters:
    """Return the parameters for estimates of all parts at once (docs/composition.md: the cost)."""
    return replace(
        parameters,
        median_ensembles=1,
        median_trees=150,
        outer_trees=60,
        learning_rate=0.1,
        day_profile=False,
    )


class _RemainingTime(Estimator):
    """The base of all parts."""

    def asked_of(self, dataset: Dataset) -> Dataset:
        """Raise an error: a part is asked at any moment of an order, not at one event."""
        raise DatasetError(
            f"{self.name} is asked at any moment of an order, so it is evaluated with the ETA that"
            " it is a part of: doorstep evaluate eta"
        )


class RestReady(_RemainingTime, Etp):
    """Seconds until the order is ready."""

    name = "eta_ready"
    default_parameters = _small(Etp.default_parameters)
    calibration_groups = (*Etp.calibration_groups, elapsed_name("accepted"))


class RestToStore(_RemainingTime, CourierTravel):
    """Seconds until the courier is at the store; without a courier, finding one is in it."""

    name = "eta_to_store"
    default_parameters = _small(CourierTravel.default_parameters)
    calibration_groups = (*CourierTravel.calibration_groups, elapsed_name("courier_assigned"))

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return the features of courier travel, and of how long it takes to find a courier."""
        return super().features_for(source, target) + _named(source, FINDING_COURIER)


class RestToCustomer(_RemainingTime, CourierTravel):
    """Seconds of handing over at the store and of the ride to the customer."""

    name = "eta_to_customer"
    default_parameters = _small(CourierTravel.default_parameters)
    calibration_groups = (*CourierTravel.calibration_groups, elapsed_name("picked_up"))

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return the features of courier travel, and of handing over."""
        return super().features_for(source, target) + _named(source, HANDING_OVER)


class RestParking(_RemainingTime, Parking):
    """Seconds from the courier's arrival at the customer's until the order is handed over."""

    name = "eta_parking"
    default_parameters = _small(Parking.default_parameters)
    calibration_groups = (*Parking.calibration_groups, elapsed_name("courier_at_customer"))


class RestConditions(_RemainingTime, Conditions):
    """Extra seconds of the rest, caused by weather and local events."""

    name = "eta_conditions"
    default_parameters = replace(
        _small(Conditions.default_parameters),
        learning_rate=0.05,  # its labels are mostly chance
        leaves=15,
        outer_trees=20,  # of its answers the means are used
    )


class RestDirect(_RemainingTime, WallEta):
    """Seconds until the order is handed over, as a whole."""

    name = "eta_direct"
    default_parameters = _small(WallEta.default_parameters)
    calibration_groups = (
        *WallEta.calibration_groups,
        elapsed_name("courier_assigned"),
        elapsed_name("picked_up"),
        elapsed_name("courier_at_customer"),
    )


def _named(source: Source, names: Sequence[str]) -> list[Aggregator]:
    return [one for one in features_for(source) if one.name in names]


@dataclass(frozen=True, kw_only=True)
class PartSpec:
    """The specification of a part's training.

    Args:
        estimator_class: of the part.
        target: that its features are about.
        numbers: facts that it takes as numbers, as far as the data have them.
        categories: facts that it takes as categories.
        since: events whose elapsed facts it takes.
        local_time: whether it uses the hour and the day of the week.
    """

    estimator_class: type[Estimator]
    target: Duration
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    since: tuple[str, ...]
    local_time: bool = True


_STORE = ("store_id", "store_category", "city")
_COURIER = ("courier_id", "vehicle")
_BEFORE_READY = ("activated", "dispatched", "accepted", "courier_assigned", "courier_at_store")
_ALL = (*_BEFORE_READY, "ready", "picked_up", "courier_at_customer")

PART_SPECS: Mapping[str, PartSpec] = {
    "ready": PartSpec(
        estimator_class=RestReady,
        target=Duration("dispatched", "ready"),
        numbers=("amount", "products"),
        categories=_STORE,
        since=_BEFORE_READY,
    ),
    "to_store": PartSpec(
        estimator_class=RestToStore,
        target=TO_STORE,
        numbers=("distance_to_store_m",),
        categories=(*_COURIER, "store_id", "store_zone", "city"),
        since=("activated", "dispatched", "accepted", "courier_assigned", "ready"),
    ),
    "to_customer": PartSpec(
        estimator_class=RestToCustomer,
        target=TO_CUSTOMER,
        numbers=("distance_m",),
        categories=(*_COURIER, "store_id", "store_zone", "zone", "city"),
        since=("courier_at_store", "ready", "picked_up"),
    ),
    "parking": PartSpec(
        estimator_class=RestParking,
        target=PARKING,
        numbers=("floor", "products"),
        categories=(*_COURIER, "building", "zone", "city"),
        since=("courier_at_customer",),
    ),
    "conditions": PartSpec(
        estimator_class=RestConditions,
        target=BEFORE_PICKUP,
        numbers=tuple(name for name in FACTS if name.endswith("_m")),
        categories=tuple(name for name in FACTS if not name.endswith("_m")),
        since=("courier_assigned", "courier_at_store", "picked_up", "courier_at_customer"),
        # The base knows the hour; here it could only stand for what the base has missed of it.
        local_time=False,
    ),
    DIRECT: PartSpec(
        estimator_class=RestDirect,
        target=Duration("activated", "delivered"),
        numbers=("amount", "products", "distance_m", "floor", "distance_to_store_m"),
        categories=(*_STORE, "zone", "store_zone", "building", *_COURIER),
        since=_ALL,
    ),
}
"""The specification of each part."""

PART_CLASSES: tuple[type[Estimator], ...] = tuple(
    spec.estimator_class for spec in PART_SPECS.values()
)
"""The estimators of all parts."""
