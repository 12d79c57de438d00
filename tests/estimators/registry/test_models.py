"""Models that were saved come back the same, or say why not.

Tests `estimators.registry.saved_model`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bentoml
import numpy as np
import pytest

from estimators import DefinitionMismatchError, RegistryError
from estimators.etp import train_etp
from estimators.fallback.model import Fallback
from estimators.model.compatibility import differences
from estimators.quantiles.calibration import GRID_LEVELS
from estimators.registry import models as registry
from estimators.training.train import TrainedEstimator, inputs_of, train
from estimators.wall_eta import WallEta
from tests.estimators.building import QUICK, town, town_dataset
from tests.estimators.test_wall_eta import app_dataset

SEED = 5
NAME = "etp_registry_test"
FILES = ("estimator.json", "report.json", "metadata.json", "reference.json", "fallback.json")
OLD_MODEL = Path(__file__).parent.parent / "etp_format_1.json"


@pytest.fixture(scope="module")
def trained() -> TrainedEstimator:
    return train_etp(town_dataset(town(SEED)), parameters=QUICK)


@pytest.fixture(scope="module")
def tag(trained: TrainedEstimator) -> str:
    return registry.save(trained, name=NAME)


def test_a_loaded_model_predicts_the_same_bits(trained: TrainedEstimator, tag: str) -> None:
    loaded = registry.load(tag)
    dataset = town_dataset(town(SEED))
    X = inputs_of(loaded.estimator, dataset, dataset.tests)
    assert loaded.estimator.predict(X) == trained.estimator.predict(X)
    assert loaded.estimator.predict(X[:1]) == trained.estimator.predict(X[:1])
    assert loaded.report.rows == trained.report.rows
    assert loaded.reference == trained.reference
    assert loaded.reference is not None
    assert loaded.metadata == json.loads(json.dumps(trained.metadata))
    assert loaded.estimator.features.fingerprint == trained.estimator.features.fingerprint


def test_latest_is_the_last_one_saved(trained: TrainedEstimator, tag: str) -> None:
    described = registry.describe(f"{NAME}:latest")
    assert described["tag"] == tag
    assert described["metrics"]["etp"]["mae_s"] == trained.report.overall("etp").mae_s
    assert described["feature_fingerprint"] == trained.estimator.features.fingerprint
    assert described["feature_names"] == list(trained.estimator.feature_names)
    needed = {"data_fingerprint", "catalog_version", "aggregators_version", "trained_from"}
    assert needed <= described.keys()


def test_there_is_no_pickle_in_a_model(tag: str) -> None:
    files = {path.name for path in Path(bentoml.models.get(tag).path).iterdir()}
    assert files == {*FILES, "model.yaml", "checksums.json"}


def test_a_model_carries_what_must_be_known_about_it(trained: TrainedEstimator, tag: str) -> None:
    read = registry.read(tag)
    assert (read.tag, read.estimator) == (tag, "etp")
    assert read.parameters == trained.estimator.parameters.to_json()
    assert list(read.features) == json.loads(json.dumps(trained.estimator.features.definition()))
    assert read.calibration == trained.estimator.model.grid.to_json()
    assert {row.group for row in read.report.rows} == {"all", "city", "hour", "store age"}
    assert read.size_bytes > 10_000
    reference = read.reference
    assert reference is not None
    assert list(reference.inputs) == list(trained.estimator.feature_names)
    assert reference.labels_s.rows == trained.metadata["rows_trained"]
    assert reference.answered == "test"
    assert reference.median_s.rows == trained.metadata["rows_tested"]
    size = Path(bentoml.models.get(tag).path_of("reference.json")).stat().st_size
    assert size < 100_000


def test_saved_models_are_listed_the_newest_first(trained: TrainedEstimator, tag: str) -> None:
    newer = registry.save(trained, name=f"{NAME}_newer")
    with bentoml.models.create("of_somebody_else"):
        pass
    own = [one["tag"] for one in registry.list_models() if one["tag"].startswith(NAME)]
    assert own.index(newer) < own.index(tag)
    assert "of_somebody_else" not in {one["tag"].split(":")[0] for one in registry.list_models()}
    described = next(one for one in registry.list_models() if one["tag"] == tag)
    assert described == registry.describe(tag)


def test_a_model_that_is_not_there_is_named(tag: str) -> None:
    with pytest.raises(RegistryError, match="no model 'nobody' was saved yet"):
        registry.load("nobody:latest")
    with pytest.raises(RegistryError, match=f"there are: {tag}"):
        registry.describe(f"{NAME}:other")


def rewrite(tag: str, file: str, change: object) -> str:
    """A copy of a saved model with one changed file; gives its tag."""
    model = bentoml.models.get(tag)
    with bentoml.models.create(f"{NAME}_changed") as copy:
        for name in FILES:
            text = Path(model.path_of(name)).read_text(encoding="utf-8")
            if name == file:
                text = change(text)  # type: ignore[operator]
            Path(copy.path_of(name)).write_text(text, encoding="utf-8")
    return str(copy.tag)


def test_other_definitions_are_spelled_out(tag: str) -> None:
    def change(text: str) -> str:
        document = json.loads(text)
        document["features"][0]["window"] = "7min"
        document["features"][1]["name"] = "feature_of_the_past"
        return json.dumps(document)

    changed = rewrite(tag, "estimator.json", change)
    names = [feature.name for feature in registry.load(tag).estimator.features]
    with pytest.raises(DefinitionMismatchError) as caught:
        registry.load(changed)
    message = str(caught.value)
    assert changed in message
    assert f'{names[0]}: window was "7min", is' in message
    assert "feature_of_the_past: is not defined any more" in message
    assert "train it again" in message


def changed_definition(name: str, part: str, value: object) -> Callable[[str], str]:
    """A change of one part of the definition of one feature of a saved model."""

    def change(text: str) -> str:
        document = json.loads(text)
        (definition,) = [one for one in document["features"] if one["name"] == name]
        assert definition[part] != value
        definition[part] = value
        return json.dumps(document)

    return change


@pytest.mark.parametrize(
    ("name", "part", "value"),
    [
        ("store_kitchen_orders", "first_event", "dispatched"),  # of the catalog
        ("store_time_to_ready_last_5_median", "n", 6),  # derived from the target
        ("store_time_to_ready_2h_median", "attribute", ["accepted", "picked_up"]),
        ("city_open_orders", "max_age", "9h"),
    ],
)
def test_a_difference_of_any_kind_of_feature_is_spelled_out(
    tag: str, name: str, part: str, value: object
) -> None:
    changed = rewrite(tag, "estimator.json", changed_definition(name, part, value))
    said = f"{name}: {part} was {json.dumps(value)}, is"
    with pytest.raises(DefinitionMismatchError, match=re.escape(said)):
        registry.load(changed)
    assert registry.read(changed).tag == changed


def test_a_difference_of_another_source_is_spelled_out() -> None:
    tag = registry.save(train(WallEta, app_dataset(), parameters=QUICK, baselines=False))
    assert registry.load(tag).estimator.name == "wall_eta"
    change = changed_definition("city_precipitation_60min_mm", "source", "climate")
    with pytest.raises(DefinitionMismatchError, match='source was "climate", is "weather"'):
        registry.load(rewrite(tag, "estimator.json", change))


def test_a_source_that_lost_its_columns_defines_fewer_features(tag: str) -> None:
    def change(text: str) -> str:
        document = json.loads(text)
        document["source"]["attributes"] = ["products"]
        return json.dumps(document)

    said = "store_amount_last_20_median: is not defined any more"
    with pytest.raises(DefinitionMismatchError, match=said):
        registry.load(rewrite(tag, "estimator.json", change))


def test_a_model_of_the_first_format_still_answers_the_same() -> None:
    """Saved by the first version; it has no reference statistics."""
    documents = json.loads(OLD_MODEL.read_text(encoding="utf-8"))
    expected = documents.pop("expected")
    with bentoml.models.create(f"{NAME}_old", labels={"estimator": "etp"}) as old:
        for file, document in documents.items():
            Path(old.path_of(file)).write_text(json.dumps(document), encoding="utf-8")
    loaded = registry.load(str(old.tag))
    assert loaded.reference is None
    X = np.array(expected["X"], dtype=np.float64)
    median_s = loaded.estimator.predict(X).quantile(0.5).tolist()
    assert median_s == pytest.approx(expected["median_s"], rel=1e-12)
    assert registry.read(str(old.tag)).report.overall("etp").n > 0


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("estimator.json", "{", "cannot be read"),
        ("estimator.json", "[]", "cannot be read"),
        ("estimator.json", '{"format": 99}', "format 99; this version reads 1, 2"),
        ("reference.json", '{"inputs": {}}', "cannot be read"),
        ("fallback.json", '{"format": 1}', "cannot be read"),
        ("estimator.json", '{"format": 1, "estimator": "oracle"}', "is a 'oracle'"),
        ("report.json", '{"rows": 1}', "cannot be read"),
    ],
)
def test_a_damaged_model_is_a_registry_error(tag: str, file: str, text: str, words: str) -> None:
    changed = rewrite(tag, file, lambda _: text)
    with pytest.raises(RegistryError, match=words):
        registry.load(changed)


def test_definitions_that_went_through_json_are_equal(trained: TrainedEstimator) -> None:
    saved = json.loads(json.dumps(trained.estimator.features.definition()))
    assert differences(saved, trained.estimator.features.definition()) == []


def test_one_row_and_many_rows_agree(trained: TrainedEstimator) -> None:
    dataset = town_dataset(town(SEED))
    X = inputs_of(trained.estimator, dataset, dataset.tests)
    many = trained.estimator.predict(X)
    for i in range(20):
        one = trained.estimator.predict(X[i : i + 1])
        assert one == many[i : i + 1]
        assert one.mean()[0] == many.mean()[i]
        assert one.quantile(0.42)[0] == many.quantile(0.42)[i]


def median_s(fallback: Fallback) -> float:
    return float(
        fallback.distribution({"store_id": ["s1"], "city": ["WAW"]}, 0)[0].quantile(0.5)[0]
    )


def test_a_model_that_cannot_be_loaded_still_has_its_fallback(
    trained: TrainedEstimator, tag: str
) -> None:
    assert registry.load(tag).fallback is not None
    assert trained.fallback is not None
    expected = median_s(trained.fallback)
    changed = rewrite(
        tag, "estimator.json", changed_definition("city_open_orders", "max_age", "9h")
    )
    damaged = rewrite(tag, "estimator.json", lambda _: "{")
    for one in (tag, changed, damaged):
        fallback, said_by = registry.load_fallback(one)
        assert (median_s(fallback), said_by) == (expected, one)
    with pytest.raises(DefinitionMismatchError):
        registry.load(changed)


def test_the_newest_other_version_speaks_for_one_that_is_not_there(
    trained: TrainedEstimator, tag: str
) -> None:
    name = f"{NAME}_versions"
    older, newer = (registry.save(trained, name=name) for _ in range(2))
    assert registry.load_fallback(f"{name}:lost").tag == newer
    assert registry.load_fallback(older).tag == older
    for file in ("fallback.json", "metadata.json"):
        Path(bentoml.models.get(newer).path_of(file)).write_text("{", encoding="utf-8")
    assert registry.load_fallback(newer).tag == older
    with pytest.raises(RegistryError, match="no fallback for 'nobody:latest': no such model"):
        registry.load_fallback("nobody:latest")
    with pytest.raises(RegistryError, match="no fallback"):
        registry.load_fallback("no tag at all:::")


def test_a_model_without_a_fallback_says_its_constant(trained: TrainedEstimator) -> None:
    tag = registry.save(replace(trained, fallback=None), name=f"{NAME}_constant")
    assert registry.load(tag).fallback is None
    said = median_s(registry.load_fallback(tag).fallback)
    constant_s = trained.metadata["constant_s"][GRID_LEVELS.index(0.5)]
    assert said == pytest.approx(constant_s, rel=2e-3)
