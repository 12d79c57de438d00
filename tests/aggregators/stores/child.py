"""What other processes do in the tests: append batches, and say which ones were acknowledged.

Arguments: the place's kind, where it is, its prefix; the seed of the stream; the number of the
first batch, the step to the next, the end; whether in lockstep. Says ``ready``, then a batch's
number once it is acknowledged; tries again what was not. In lockstep it waits for a line before
each batch.
"""

from __future__ import annotations

import random
import sys
import time

from aggregators import Event, Source, StoreError
from tests.aggregators.stores.places import Place
from tests.waiting import PATIENCE_S

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready", "delivered"),
    dimensions=("store_id", "courier_id", "city"),
    attributes=("amount",),
    known_from={"courier_id": "ready"},
)
START_US = 1_774_742_400_000_000
GROUPS = 8
EVENTS_PER_BATCH = 20
BATCHES = 100_000


def batch_of(seed: int, number: int) -> list[Event]:
    """A batch of any stream: samples of before too, and corrections that move them."""
    rng = random.Random(f"{seed} {number}")
    events = []
    for _ in range(EVENTS_PER_BATCH):
        sample_id = f"o-{max(0, 4 * number + rng.randrange(-40, 8))}"
        event = rng.choice(ORDERS.events)
        data: dict[str, object] = {}
        if event != "delivered":
            key = "store_id" if event == "activated" else "courier_id"
            data = {key: f"{key}-{rng.randrange(GROUPS)}", "amount": float(rng.randrange(100))}
        if event == "activated":
            data["city"] = rng.choice(("BCN", "WAW"))
        recorded = START_US + 1000 * number + rng.randrange(3_000)
        events.append(Event("orders", sample_id, event, START_US + number, data, recorded))
    return events


def say(what: object) -> None:
    """Write a line that the other side sees at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(*arguments: str) -> None:
    """Append batches first, first + step, ... up to last."""
    place, numbers = arguments[:3], arguments[3:]
    seed, first, step, last, lockstep = map(int, numbers)
    store = Place(*place).open([ORDERS])
    say("ready")
    for number in range(first, last, step):
        if lockstep:
            sys.stdin.readline()
        events = batch_of(seed, number)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                store.append(events)
            except StoreError:
                if time.monotonic() > deadline:
                    raise
            else:
                break
        say(number)


if __name__ == "__main__":
    main(*sys.argv[1:])
