"""Models are kept whole or not at all, whoever is interrupted and whoever runs beside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands.live_demo import model_cache as demo_cache
from commands.live_demo.model_cache import ENTRIES_MAX, MANIFEST, ModelCache, cache_folder, key_of


def models(folder: Path, text: str = "trees") -> Path:
    (folder / "eta" / "v1").mkdir(parents=True)
    (folder / "eta" / "latest").write_text("v1")
    (folder / "eta" / "v1" / "eta.json").write_text(text)
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    made = models(tmp_path / "made")
    cache = ModelCache(tmp_path / "cache", "a")
    into = tmp_path / "home" / "models"
    assert not cache.fetch(into)
    cache.keep(made)
    cache.keep(made)
    assert cache.fetch(into)
    assert content(into) == content(made)
    assert not ModelCache(tmp_path / "cache", "b").fetch(tmp_path / "other" / "models")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a"], "nothing half done"


@pytest.mark.parametrize("harm", ["changed", "lost", "no manifest", "not JSON"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, harm: str) -> None:
    made = models(tmp_path / "made")
    cache = ModelCache(tmp_path / "cache", "a")
    cache.keep(made)
    entry = tmp_path / "cache" / "a"
    if harm == "changed":
        (entry / "eta" / "v1" / "eta.json").write_text("half")
    elif harm == "lost":
        (entry / "eta" / "v1" / "eta.json").unlink()
    elif harm == "no manifest":
        (entry / MANIFEST).unlink()
    else:
        (entry / MANIFEST).write_text("{")
    into = tmp_path / "home" / "models"
    assert not cache.fetch(into)
    assert not into.exists()
    cache.keep(made)
    assert cache.fetch(into)


def test_an_interrupted_run_leaves_no_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = models(tmp_path / "made")
    cache = ModelCache(tmp_path / "cache", "a")

    def interrupted(_folder: Path) -> dict[str, str]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo_cache, "_checksums", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.keep(made)
    assert list((tmp_path / "cache").iterdir()) == []
    assert not cache.fetch(tmp_path / "home" / "models")


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path) -> None:
    made = models(tmp_path / "made")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    for folder in (None, in_the_way / "cache"):
        cache = ModelCache(folder, "a")
        cache.keep(made)
        assert not cache.fetch(tmp_path / "home" / "models")


def test_only_what_was_used_last_is_kept(tmp_path: Path) -> None:
    made = models(tmp_path / "made")
    folder = tmp_path / "cache"
    for k in range(ENTRIES_MAX):
        ModelCache(folder, f"k{k:02d}").keep(made)
        os.utime(folder / f"k{k:02d}", (1_000.0 + k, 1_000.0 + k))
    (folder / ".new-old").mkdir()
    os.utime(folder / ".new-old", (1_000.0, 1_000.0))
    assert ModelCache(folder, "k00").fetch(tmp_path / "home" / "models"), "used just now"
    ModelCache(folder, "newest").keep(made)
    left = {path.name for path in folder.iterdir()}
    assert left == {"k00", *(f"k{k:02d}" for k in range(2, ENTRIES_MAX)), "newest"}


def test_the_key_follows_from_settings_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_of(days=8, seed=1) == key_of(seed=1, days=8)
    assert key_of(days=8) != key_of(days=9)
    before = key_of(days=8)
    monkeypatch.setattr(demo_cache, "CODE", ("simulator",))
    assert key_of(days=8) != before


def test_a_relative_cache_home_counts_for_nothing() -> None:
    """As the specification of base directories says."""
    assert cache_folder({"XDG_CACHE_HOME": "here"}) == Path.home() / ".cache/doorstep/demo"
