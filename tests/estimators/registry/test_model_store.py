"""Models in a store where others are broken, half written, or saved in the same moment."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import bentoml
import pytest

from estimators import RegistryError
from estimators.etp import train_etp
from estimators.registry import model_files, model_store
from estimators.registry import models as registry
from estimators.registry.sealing import seal
from estimators.training.train import TrainedEstimator, inputs_of
from tests.estimators.building import QUICK, town, town_dataset

SEED = 7
FILES = (
    "estimator.json",
    "report.json",
    "metadata.json",
    "reference.json",
    "fallback.json",
    "model.yaml",
)


@pytest.fixture(scope="module")
def trained() -> TrainedEstimator:
    return train_etp(town_dataset(town(SEED)), parameters=QUICK)


@pytest.fixture(autouse=True)
def leave_nothing_broken() -> Iterator[None]:
    """Remove the models of this file: others copy and list the store."""
    store = Path(os.environ["BENTOML_HOME"]) / "models"
    before = set(store.glob("*"))
    yield
    for name in set(store.glob("*")) - before:
        shutil.rmtree(name)


def folder_of(tag: str) -> Path:
    return Path(bentoml.models.get(tag).path)


def without_model_yaml(folder: Path) -> None:
    (folder / "model.yaml").unlink()


def half_of_model_yaml(folder: Path) -> None:
    content = (folder / "model.yaml").read_bytes()
    (folder / "model.yaml").write_bytes(content[: len(content) // 3])


def empty_model_yaml(folder: Path) -> None:
    (folder / "model.yaml").write_bytes(b"")


def endless_model_yaml(folder: Path) -> None:
    (folder / "model.yaml").unlink()
    (folder / "model.yaml").symlink_to("/dev/zero")


def half_of_the_trees(folder: Path) -> None:
    content = (folder / "estimator.json").read_bytes()
    (folder / "estimator.json").write_bytes(content[: len(content) // 2])


def half_of_the_trees_unsealed(folder: Path) -> None:
    (folder / "checksums.json").unlink()
    half_of_the_trees(folder)


def without_trees(folder: Path) -> None:
    (folder / "estimator.json").unlink()


def half_of_the_checksums(folder: Path) -> None:
    content = (folder / "checksums.json").read_bytes()
    (folder / "checksums.json").write_bytes(content[:50])


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


HALF_WRITTEN: list[Callable[[Path], None]] = [
    without_model_yaml,
    half_of_model_yaml,
    empty_model_yaml,
    endless_model_yaml,
    half_of_the_trees,
    half_of_the_trees_unsealed,
    without_trees,
    half_of_the_checksums,
    empty,
]


@pytest.mark.parametrize("damage", HALF_WRITTEN, ids=lambda one: one.__name__)
def test_a_half_written_model_is_named_and_passed_over(
    trained: TrainedEstimator, damage: Callable[[Path], None]
) -> None:
    name = f"etp_{damage.__name__}"
    older, newer = registry.save(trained, name=name), registry.save(trained, name=name)
    folder = folder_of(newer)
    assert registry.resolve(f"{name}:latest") == newer
    damage(folder)
    assert registry.resolve(f"{name}:latest") == older
    assert registry.resolve(name) == older
    assert registry.load(f"{name}:latest").estimator.name == "etp"
    listed = [one["tag"] for one in registry.list_models()]
    assert older in listed
    assert newer not in listed
    (broken,) = [one for one in registry.broken_models() if one.tag == newer]
    assert broken.reason
    with pytest.raises(RegistryError, match=newer):
        registry.load(newer)
    assert registry.load_fallback(f"{name}:latest").tag == older
    assert registry.save(trained, name=name) == registry.resolve(f"{name}:latest")
    shutil.rmtree(folder, ignore_errors=True)


def test_a_latest_that_is_no_version_is_looked_for(trained: TrainedEstimator) -> None:
    name = "etp_latest_is_odd"
    tag = registry.save(trained, name=name)
    latest = folder_of(tag).parent / "latest"
    for text in ("", "gone", "../other", ".", "\x00", "\xff\xfe"):
        latest.write_text(text, encoding="latin-1")
        assert registry.resolve(f"{name}:latest") == tag
    latest.unlink()
    latest.symlink_to("/dev/zero")
    assert registry.resolve(f"{name}:latest") == tag
    latest.unlink()
    assert registry.resolve(f"{name}:latest") == tag


def test_the_beginning_of_a_version_will_do(trained: TrainedEstimator) -> None:
    name = "etp_beginning"
    tag = registry.save(trained, name=name)
    assert registry.resolve(tag[:-3]) == tag
    for odd in ("no tag at all:::", "../x:latest", "", ":latest", f"{name}:.."):
        with pytest.raises(RegistryError):
            registry.resolve(odd)


def test_nobody_sees_a_model_before_it_is_whole(
    trained: TrainedEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies while it saves leaves nothing that others could take for a model."""
    name = "etp_dies_while_saving"
    older = registry.save(trained, name=name)
    before = {one["tag"] for one in registry.list_models()}

    def dies(_folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_store, "_sync", dies)
    with pytest.raises(RegistryError, match="No space left"):
        registry.save(trained, name=name)
    assert registry.resolve(f"{name}:latest") == older
    assert {one["tag"] for one in registry.list_models()} == before
    assert not [one for one in registry.broken_models() if one.tag.startswith(f"{name}:")]
    assert {path.name for path in folder_of(older).parent.iterdir()} == {
        older.partition(":")[2],
        "latest",
    }


def test_a_store_on_a_volume_of_its_own_is_written_as_well(
    trained: TrainedEstimator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = folder_of(registry.save(trained, name="etp_volume")).parent.parent
    (store / ".saving").mkdir(exist_ok=True)
    monkeypatch.setattr(model_store, "_staging_folder", lambda _store: store / ".saving")
    tag = registry.save(trained, name="etp_volume")
    assert registry.resolve("etp_volume:latest") == tag
    registry.list_models()
    assert not list((store / ".saving").iterdir())
    (store / ".saving").rmdir()


# --- checksums ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_one_changed_byte_of_any_file_is_found(trained: TrainedEstimator, file: str) -> None:
    tag = registry.save(trained, name="etp_one_byte")
    path = folder_of(tag) / file
    content = bytearray(path.read_bytes())
    place = next(i for i in range(len(content) // 2, len(content)) if content[i : i + 1].isdigit())
    content[place] = ord("1") if content[place] != ord("1") else ord("2")
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=f"{tag}.*{file} has another checksum"):
        registry.load(tag)


def test_a_file_that_was_saved_must_be_there(trained: TrainedEstimator) -> None:
    tag = registry.save(trained, name="etp_lost_file")
    (folder_of(tag) / "fallback.json").unlink()
    with pytest.raises(RegistryError, match=r"fallback\.json is missing"):
        registry.load(tag)


def test_a_damaged_model_still_says_what_is_usual(trained: TrainedEstimator) -> None:
    tag = registry.save(trained, name="etp_damaged_fallback")
    path = folder_of(tag) / "estimator.json"
    path.write_bytes(path.read_bytes().replace(b"left_child=", b"left_child=0 ", 1))
    with pytest.raises(RegistryError, match="another checksum"):
        registry.load("etp_damaged_fallback:latest")
    assert registry.load_fallback("etp_damaged_fallback:latest").tag == tag


def unsealed(trained: TrainedEstimator, name: str) -> str:
    tag = registry.save(trained, name=name)
    (folder_of(tag) / "checksums.json").unlink()
    return tag


def test_models_without_checksums_load_with_a_warning_and_can_be_sealed(
    trained: TrainedEstimator, caplog: pytest.LogCaptureFixture
) -> None:
    tag = unsealed(trained, "etp_unsealed")
    with caplog.at_level(logging.WARNING, "doorstep.estimators"):
        registry.load(tag)
        registry.load(tag)
    said = [one for one in caplog.messages if f"doorstep models seal {tag}" in one]
    assert len(said) == 1, "once"
    assert seal(tag) == {tag: True}
    assert seal(tag) == {tag: False}
    dataset = town_dataset(town(SEED))
    loaded = registry.load(tag).estimator
    X = inputs_of(loaded, dataset, dataset.tests)
    assert loaded.predict(X) == trained.estimator.predict(X)
    path = folder_of(tag) / "report.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(RegistryError, match="another checksum"):
        seal(tag)


def test_a_damaged_model_gets_no_seal(trained: TrainedEstimator) -> None:
    tag = unsealed(trained, "etp_damaged_unsealed")
    path = folder_of(tag) / "estimator.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    boosters = document["model"]["anchors"]["boosters"]
    boosters[1][0] = boosters[1][0].replace("split_feature=", "split_feature=1000000 ", 1)
    path.write_text(json.dumps(document), encoding="utf-8")
    for attempt in (registry.load, seal):
        with pytest.raises(RegistryError, match=f"{tag}.*split_feature|{tag}.*feature"):
            attempt(tag)
    assert not (folder_of(tag) / "checksums.json").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("left_child", "0"), ("split_feature", "1000000"), ("split_feature", "-7")]
)
def test_a_tree_that_nobody_can_walk_is_refused_without_checksums(
    trained: TrainedEstimator, name: str, value: str
) -> None:
    tag = unsealed(trained, "etp_damaged_tree")
    path = folder_of(tag) / "estimator.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for model in ("model", "blind_model"):
        boosters = document[model]["anchors"]["boosters"]
        head, separator, rest = boosters[1][0].partition(f"\n{name}=")
        first, _, others = rest.partition(" ")
        assert first
        boosters[1][0] = f"{head}{separator}{value} {others}"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RegistryError, match=f"{tag}.*tree 0 is damaged"):
        registry.load(tag)


def test_trees_about_other_columns_are_refused(trained: TrainedEstimator) -> None:
    tag = unsealed(trained, "etp_other_columns")
    path = folder_of(tag) / "estimator.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["facts"]["numbers"] = ["amount"]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RegistryError, match=r"an ensemble of .* features"):
        registry.load(tag)


# --- regular files -----------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/hostname", "estimator.json", "/tmp"])
def test_only_regular_files_of_the_folder_are_read(trained: TrainedEstimator, target: str) -> None:
    tag = unsealed(trained, "etp_links")
    path = folder_of(tag) / "estimator.json"
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(RegistryError):
        registry.load(tag)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "estimator.json")
    with pytest.raises(RegistryError, match="no regular file"):
        model_files.read_regular(tmp_path, "estimator.json")


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "here.json").write_text("{}", encoding="utf-8")
    (tmp_path / "estimator.json").symlink_to("here.json")
    assert model_files.read_regular(tmp_path, "estimator.json") == b"{}"


def test_a_file_larger_than_any_model_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "estimator.json").write_text("{}" * 50, encoding="utf-8")
    with pytest.raises(RegistryError, match="more than 99 bytes"):
        model_files.read_regular(tmp_path, "estimator.json", most_bytes=99)


def test_json_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "estimator.json").write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(RegistryError, match="no JSON"):
        model_files.ModelFiles(tmp_path, "etp:nested").read("estimator.json")
