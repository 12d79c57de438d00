"""All figures are made by one command, on one commit, and an interrupted run goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import published, report, run
from benchmarks.provenance import command, commit, provenance
from benchmarks.published import BENCHMARKS

NAMES = [benchmark.name for benchmark in BENCHMARKS]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The benchmarks that were started; each leaves a result of the commit `c`."""
    found: list[str] = []

    def runs(benchmark: published.Benchmark, folder: Path) -> int:
        found.append(benchmark.name)
        if benchmark.name == "event_store" and found.count("event_store") == 1:
            return 1
        made = {"commit": "c", "command": run.command_of(benchmark)}
        (tmp_path / f"{benchmark.name}.json").write_text(json.dumps({"made": made}))
        return 0

    monkeypatch.setattr(published, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "run", runs)
    monkeypatch.setattr(run, "commit", lambda: "c")
    monkeypatch.setattr(report, "main", lambda: None)
    return found


def test_an_interrupted_run_goes_on_where_it_was(
    started: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--all"]) == 1
    assert started == NAMES
    told = capsys.readouterr().err
    assert "failed: event_store; the same command goes on" in told
    fresh = [name for name in NAMES if name in published.STALE and name != "event_store"]
    if fresh:
        assert f"take out of STALE in benchmarks/published.py: {', '.join(fresh)}" in told
    assert run.main(["--all"]) == 0
    assert started == [*NAMES, "event_store"]
    assert run.main(["--all"]) == 0
    assert started == [*NAMES, "event_store"]
    assert run.main(["inference", "--again"]) == 0
    assert started[-1] == "inference"


def test_a_result_of_another_commit_or_command_is_made_again(
    started: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run.main(["inference"]) == 0
    monkeypatch.setattr(run, "commit", lambda: "d")
    assert run.main(["inference"]) == 0
    assert started == ["inference"] * 2
    (tmp_path / "inference.json").write_text(
        json.dumps({"made": {"commit": "d", "command": "python -m benchmarks.inference --reads 5"}})
    )
    assert run.main(["inference"]) == 0
    assert started == ["inference"] * 3


def test_a_tree_with_changes_is_refused(
    started: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "commit", lambda: "c+")
    assert run.main(["inference"]) == 2
    assert "changes that are not committed" in capsys.readouterr().err
    assert started == []
    assert run.main(["inference", "--changed"]) == 0
    assert started == ["inference"]


def test_an_unknown_benchmark_is_named(
    started: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["inferrence"]) == 2
    assert "no benchmark 'inferrence'; there are: import_time" in capsys.readouterr().err
    assert started == []


def test_the_list_says_what_is_to_do(
    started: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["inference"]) == 0
    assert run.main(["--list"]) == 0
    states = {line.split()[0]: line.split(maxsplit=3)[-1] for line in
              capsys.readouterr().out.splitlines()}  # fmt: skip
    assert states == {**dict.fromkeys(NAMES, "to do"), "inference": "of commit c"}
    assert started == ["inference"]


def test_each_benchmark_is_a_module_with_its_own_help() -> None:
    for benchmark in BENCHMARKS:
        path = Path(run.__file__).parent / f"{benchmark.name}.py"
        assert path.is_file(), path
        assert f"python -m benchmarks.{benchmark.name}" in path.read_text(encoding="utf-8")


def test_a_result_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["services.py", "--folder", "/tmp/somewhere", "--runs", "3"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", _Spec("benchmarks.services"))
    assert command() == "python -m benchmarks.services --folder FOLDER --runs 3"
    made: dict[str, Any] = provenance()
    assert set(made) == {"command", "commit", "doorstep", "aggregators", "features"}
    assert commit() in ("unknown", made["commit"])


class _Spec:
    """A module's spec, of which the name is asked."""

    def __init__(self, name: str) -> None:
        self.name = name
