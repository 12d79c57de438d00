"""Models that were saved come back the same, or say why not."""

from __future__ import annotations

import json
from pathlib import Path

import bentoml
import pytest

from estimators import DefinitionMismatchError, RegistryError, registry
from estimators.definitions import differences
from estimators.training import TrainedEstimator, inputs_of, train_etp
from tests.estimators.building import QUICK, town, town_dataset

SEED = 5
NAME = "etp_registry_test"


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
    assert files == {"estimator.json", "report.json", "metadata.json", "model.yaml"}


def test_a_model_that_is_not_there_is_named(tag: str) -> None:
    with pytest.raises(RegistryError, match="no model 'nobody' was saved yet"):
        registry.load("nobody:latest")
    with pytest.raises(RegistryError, match=f"there are: {tag}"):
        registry.describe(f"{NAME}:other")


def rewrite(tag: str, file: str, change: object) -> str:
    """A copy of a saved model with one changed file; gives its tag."""
    model = bentoml.models.get(tag)
    with bentoml.models.create(f"{NAME}_changed") as copy:
        for name in ("estimator.json", "report.json", "metadata.json"):
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


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("estimator.json", "{", "cannot be read"),
        ("estimator.json", "[]", "cannot be read"),
        ("estimator.json", '{"format": 99}', "format 99"),
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
