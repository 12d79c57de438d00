"""Every feature of the catalog has the same bits from every store as from that in memory."""

from __future__ import annotations

import random

import numpy as np
import pytest

from aggregators import FeatureSet, MemoryEventStore
from aggregators.catalog import ORDERS, features_for
from tests.aggregators.catalog.random_city import MINUTE_US, random_city, stream_of
from tests.aggregators.stores.places import Place


@pytest.mark.parametrize("seed", [21, 22])
def test_a_random_city_has_the_features_of_the_store_in_memory(place: Place, seed: int) -> None:
    rows = random_city(seed)
    features = FeatureSet(features_for(ORDERS))
    rng = random.Random(seed)
    stream = stream_of(rows, seed)
    memory, store = MemoryEventStore([ORDERS]), place.open([ORDERS])
    middle = len(stream) // 2
    for part in (stream[:middle], stream[middle:]):
        memory.append(part)
        store.append(part)
        asked = rng.sample(rows, 40)
        moments = [
            rng.choice([row[e] for e in ORDERS.events if row[e]]) + rng.choice((0, 1, MINUTE_US))
            for row in asked
        ]
        keys = {name: [row[name] for row in asked] for name in ORDERS.dimensions}
        ids = [rng.choice((row["order_id"], None)) for row in asked]
        many, expected = (
            features.transform_many(each, as_of=moments, keys=keys, sample_id=ids)
            for each in (store, memory)
        )
        assert many.tobytes() == expected.tobytes(), f"seed {seed}"
        one = features.transform_array(
            store,
            as_of=moments[0],
            keys={name: values[0] for name, values in keys.items()},
            sample_id=ids[0],
        )
        assert one.tobytes() == np.ascontiguousarray(expected[0]).tobytes()
