"""Declare the nature of a world: the numbers in which simulated worlds differ from each other.

``LIVELY`` has strong effects: the store's last orders say much of the next one. It is made to show
and to test mechanisms. ``REALISTIC`` has the moments of public data (docs/simulator.md).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from simulator.world.limits import check_between

__all__ = ["LIVELY", "NATURES", "REALISTIC", "Nature", "nature_of"]


@dataclass(frozen=True, kw_only=True)
class Nature:
    """The parameters of kitchens, demand and traffic. Each sigma is that of a logarithm.

    Args:
        work: multiplies the work of every order.
        category_contrast: power of the differences of work between categories; 0: none.
        store_sigma: between the skills of stores of one category.
        utilisation: share of a kitchen that its busiest ordinary hour needs: drawn between these.
        least_slots: batches that the smallest kitchen cooks at once.
        half_day_sigma: between half days of a kitchen, which nobody announces.
        cooking_sigma: of the chance in the cooking of one batch.
        tail_share: batches whose cooking is of another kind (forgotten, prepared already).
        tail_factor: median of such a batch, relative to an ordinary one.
        tail_sigma: of the chance in such a batch.
        crowd_work: what every order in the kitchen, up to fifteen, adds to all work.
        batch_work: what every further order of a batch adds to its work.
        batch_lookahead: orders in line among which a cook looks for more of the same dish.
        patience_s: median seconds after which a customer gives an order up.
        popularity_sigma: between the numbers of orders of stores.
        store_day_variance: of a store's demand between days, relative to its mean squared.
        city_day_sigma: between the demands of a city on different days.
        weekday_contrast: power of the differences of demand between weekdays; 0: none.
        meal_width: multiplies how long each meal lasts.
        dinner: multiplies the weight of dinner among the meals.
        speed: multiplies the speed of all couriers.
        speed_sigma: between the speeds of couriers with the same vehicle.
        rush: multiplies by how much rush hours slow traffic.
        congestion: multiplies the sigma of unannounced traffic of city and zones.
        ride_sigma: of the chance in one ride.
        parking: multiplies the seconds that couriers look for a place to park.
        parking_skill_sigma: between the skills of couriers at parking.
        parking_sigma: of the chance at one address.
        scheduled_share: orders that are placed hours before, for a time that is promised.
        homes_at_stores: couriers who wait for orders where stores expect them, by the orders
            expected; the others wait anywhere in the inner half of the city.
        homeward_s: seconds after which an idle courier is back at that place.
        stack_share: orders for which a courier with another order is looked for first.
        stack_limit: orders that a courier may carry at once, 1 to 3.
        stack_detour_m: metres that a further order may add to a courier's route.

    Raises:
        ValueError: a number outside its limits.

    >>> Nature(cooking_sigma=0.4).store_sigma
    0.2
    >>> Nature(tail_share=1.2)
    Traceback (most recent call last):
    ...
    ValueError: tail_share is 1.2; it must be between 0.0 and 0.9
    """

    work: float = 1.0
    category_contrast: float = 1.0
    store_sigma: float = 0.2
    utilisation: tuple[float, float] = (0.25, 0.6)
    least_slots: int = 1
    half_day_sigma: float = 0.2
    cooking_sigma: float = 0.22
    tail_share: float = 0.0
    tail_factor: float = 1.0
    tail_sigma: float = 0.22
    crowd_work: float = 0.02
    batch_work: float = 0.12
    batch_lookahead: int = 8
    patience_s: float = 5_400.0
    popularity_sigma: float = 0.6
    store_day_variance: float = 0.1
    city_day_sigma: float = 0.08
    weekday_contrast: float = 1.0
    meal_width: float = 1.0
    dinner: float = 1.0
    speed: float = 1.0
    speed_sigma: float = 0.13
    rush: float = 1.0
    congestion: float = 1.0
    ride_sigma: float = 0.16
    parking: float = 1.0
    parking_skill_sigma: float = 0.25
    parking_sigma: float = 0.38
    scheduled_share: float = 0.0
    homes_at_stores: float = 0.0
    homeward_s: float = 900.0
    stack_share: float = 0.0
    stack_limit: int = 2
    stack_detour_m: float = 2_000.0

    def __post_init__(self) -> None:
        for field in fields(self):
            lowest, highest = _LIMITS.get(field.name, (0.0, 3.0))
            value = getattr(self, field.name)
            check_between(field.name, value, lowest, highest)
        if self.utilisation[0] > self.utilisation[1]:
            raise ValueError(f"utilisation is {self.utilisation}; the lower bound stands first")

    @property
    def stacks(self) -> bool:
        """Whether a courier may carry several orders."""
        return self.stack_share > 0.0 and self.stack_limit > 1


_LIMITS: dict[str, tuple[float, float]] = {
    "work": (0.05, 20.0),
    "utilisation": (0.01, 2.0),
    "least_slots": (1, 100),
    "tail_share": (0.0, 0.9),
    "tail_factor": (0.05, 20.0),
    "crowd_work": (0.0, 1.0),
    "batch_lookahead": (0, 100),
    "store_day_variance": (0.0001, 3.0),
    "patience_s": (600.0, 86_400.0),
    "meal_width": (0.1, 5.0),
    "dinner": (0.0, 20.0),
    "speed": (0.1, 5.0),
    "parking": (0.0, 10.0),
    "scheduled_share": (0.0, 0.95),
    "homes_at_stores": (0.0, 1.0),
    "homeward_s": (0.0, 86_400.0),
    "stack_share": (0.0, 1.0),
    "stack_limit": (1, 3),
    "stack_detour_m": (0.0, 50_000.0),
}

LIVELY = Nature()
"""Strong effects, to show and to test mechanisms."""

REALISTIC = Nature(
    work=1.36,
    category_contrast=0.5,
    store_sigma=0.2,
    # A platform's orders are a small part of what a kitchen cooks: so few wait in line.
    utilisation=(0.055, 0.16),
    least_slots=3,
    half_day_sigma=0.16,
    cooking_sigma=0.36,
    tail_share=0.3,
    tail_factor=1.14,
    tail_sigma=1.06,
    crowd_work=0.07,
    patience_s=9_000.0,
    store_day_variance=0.15,
    city_day_sigma=0.12,
    meal_width=0.455,
    speed=0.8,
    congestion=2.5,
    homes_at_stores=0.7,
    homeward_s=600.0,
    stack_share=0.075,
    stack_detour_m=6_000.0,
)
"""The moments of public data. Fitted to them on seeds from 301 on, which no claim may use."""

NATURES: dict[str, Nature] = {"lively": LIVELY, "realistic": REALISTIC}
"""The natures that have a name."""


def nature_of(nature: Nature | str) -> Nature:
    """Return the nature of a name, or the nature itself.

    Raises:
        ValueError: an unknown name.

    >>> nature_of("lively") == LIVELY
    True
    """
    if isinstance(nature, Nature):
        return nature
    if nature not in NATURES:
        raise ValueError(f"nature is {nature!r}; expected a Nature or one of {', '.join(NATURES)}")
    return NATURES[nature]
