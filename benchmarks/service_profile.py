"""Where the time of one estimate goes, inside the eTP service and beside HTTP.

    python -m benchmarks.service_profile [--folder FOLDER]

Every step of a request is repeated by itself on the requests of ``benchmarks.services``, in one
process over the store with a million events. Microseconds of processor time; the median and the
range of several rounds.
"""

import argparse
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.measuring import ranges, save
from benchmarks.service_world import World, made

ROUNDS = 7
LEVELS = (0.1, 0.5, 0.9)


def rounds_us(call: Callable[[Any], object], values: Sequence[Any]) -> dict[str, float]:
    """Processor time of a call, the mean over all values: median and range of the rounds."""
    rounds = []
    for value in values:  # this round is not counted: it fills what is kept from request to request
        call(value)
    for _ in range(ROUNDS):
        began_s = time.process_time()
        for value in values:
            call(value)
        rounds.append((time.process_time() - began_s) / len(values) * 1e6)
    return ranges(rounds, 1)


def _asked(request: Any, dimensions: Sequence[str]) -> tuple[Any, ...]:
    """Order, sample, moment and keys of a request."""
    from aggregators.times import moment_to_us

    keys = {name: request.order.get(name) for name in dimensions}
    return request.order, request.sample_id, moment_to_us(request.as_of, "as_of"), keys


def profile(world: World) -> dict[str, Any]:
    """Measure the steps of one eTP request."""
    from aggregators import warm_up
    from services.estimation.loading import ServedPart, load_part
    from services.estimation.metrics import EstimateMetrics
    from services.estimation.prediction import Estimation
    from services.event_store.opening import open_event_store
    from services.schemas.common import PredictRequest
    from services.schemas.decoding import decode

    metrics = EstimateMetrics("etp")
    model = load_part("etp:latest", ServedPart("etp"), metrics=metrics)
    store = open_event_store(str(world.store), model.sources)
    model.use_event_store(store)
    warm_up(training=False)
    model.warm_up()
    estimation = Estimation(model, metrics=metrics, service="etp", log=None)
    bodies = [json.dumps(body).encode() for body in json.loads(world.bodies("etp").read_bytes())]
    requests = [decode(body, PredictRequest) for body in bodies]
    estimator = estimation.model._estimator  # type: ignore[attr-defined]
    features, facts = estimator.features, estimator.facts
    asked = [_asked(request, features.dimensions) for request in requests]

    def read(one: Any) -> None:
        keys = {name: (key,) for name, key in one[3].items()}
        with store.read(features.plan.requests, keys, {"orders": (one[1],)}, one[2]):
            pass

    def realtime(one: Any) -> Any:
        return features.transform_array(store, as_of=one[2], keys=one[3], sample_id=one[1])

    rows = [(facts.encode_one(one[0], one[2]), realtime(one)) for one in asked]
    inputs = [estimator.assemble(*row)[np.newaxis] for row in rows]
    anchors = estimator.model.anchors
    predicted = [(anchors.predict(one), one) for one in inputs]
    told = [estimator.predict(one) for one in inputs]
    answers = [estimation.answer(request, request_id="r") for request in requests]
    gc.collect()
    gc.freeze()
    steps = {
        "decoding the body": rounds_us(lambda body: decode(body, PredictRequest), bodies),
        "facts as numbers": rounds_us(lambda one: facts.encode_one(one[0], one[2]), asked),
        "looking the groups up in the store": rounds_us(read, asked),
        "real-time features, with looking up": rounds_us(realtime, asked),
        "shrinkage, putting the row together": rounds_us(
            lambda row: estimator.assemble(*row), rows
        ),
        "trees": rounds_us(anchors.predict, inputs),
        "explaining the mean": rounds_us(lambda one: estimator.explain(one, of="mean"), inputs),
        "calibration": rounds_us(lambda one: estimator.model.grid.distribution(*one), predicted),
        "mean and three quantiles": rounds_us(
            lambda one: [one.mean(), *map(one.quantile, LEVELS)], told
        ),
        "encoding the answer": rounds_us(msgspec.json.encode, answers),
        "the whole answer, but for JSON": rounds_us(
            lambda request: estimation.answer(request, request_id="r"), requests
        ),
    }
    store.close()
    return {
        "features": len(features),
        "columns": len(estimator.feature_names),
        "trees": anchors.trees,
        "rounds": ROUNDS,
        "steps_us": steps,
    }


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keeps models and events for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        world = made(options.folder or Path(temporary))
        os.environ.update(world.environment)
        result = profile(world)
    print(json.dumps(result, indent=2))
    save("service_profile", result)


if __name__ == "__main__":
    main()
