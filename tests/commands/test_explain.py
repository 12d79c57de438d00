"""`doorstep explain`, `models` and the files of a training, as docs/models.md shows them.

Tests `commands.reports.explanation`.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aggregators import SqliteEventStore
from commands.data.sources import DatasetName, open_dataset
from commands.main import app
from commands.options.report import ReportChoice
from tests.commands.running import ROOT
from tests.readme import blocks_of, commands_of

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
ORDER = "o-002815"
CITY = ("--stores", "8", "--days", "8")
ROUNDING_S = 1e-6


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


@dataclass(frozen=True)
class Shown:
    """What the commands of the page printed and wrote, by command line."""

    folder: Path
    printed: dict[str, str]

    def of(self, start: str) -> str:
        (found,) = [text for line, text in self.printed.items() if line.startswith(start)]
        return found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Run every command of the page in its order, in a folder of its own."""
    folder = tmp_path_factory.mktemp("models")
    dataset = open_dataset(DatasetName.SIMULATOR, None, stores=8, days=8, seed=0)
    with SqliteEventStore(str(folder / "events.db"), sources=[dataset.source]) as store:
        store.append(dataset.events())
    printed = {}
    with contextlib.chdir(folder):
        for line in commands_of(PAGE):
            name, *arguments = shlex.split(line)
            assert name == "doorstep"
            result = run(*arguments)
            assert result.exit_code == 0, (line, result.output)
            printed[line] = result.stdout
        yield Shown(folder, printed)


def test_training_writes_a_page_and_metrics(shown: Shown) -> None:
    page = (shown.folder / "training.html").read_text(encoding="utf-8")
    metrics = json.loads((shown.folder / "training.json").read_text(encoding="utf-8"))
    tag = metrics["model"]
    assert f"saved as {tag}" in shown.of("doorstep train")
    assert tag in page
    own = metrics["report"]["rows"][0]
    assert own["model"] == "etp"
    assert f"{own['scores']['mae_s']:,.1f}" in page
    assert metrics["diagnostics"]["rows"] == own["scores"]["n"]
    assert metrics["metadata"]["dataset"] == "simulator"


def test_evaluation_of_the_same_data_writes_the_same_page(shown: Shown) -> None:
    files = [shown.folder / name for name in ("training.html", "again.html")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_model_is_explained_by_topic_and_feature(shown: Shown) -> None:
    text = shown.printed[f"doorstep explain {' '.join(CITY)}"]
    assert "time to ready" in text
    assert "store_open_orders" in text
    assert "896 rows" in text


def test_the_waterfall_of_an_order_ends_at_its_estimate(shown: Shown) -> None:
    text = shown.printed[f"doorstep explain {' '.join(CITY)} --order {ORDER}"]
    lines = text.splitlines()
    sums = [line for line in lines if re.search(r"[+-][\d,.]+ +[\d,.]+", line)]
    assert "calibration" in sums[-1]
    (median,) = [line for line in lines if line.startswith("median")]
    last = re.findall(r"[\d,]+\.\d", sums[-1])[-1]
    assert last in median
    assert "it took" in text
    assert "by topic:" in text


def test_an_order_as_json_adds_up(shown: Shown) -> None:
    line = f"doorstep explain {' '.join(CITY)} --order {ORDER} --of mean --json"
    document = json.loads(shown.printed[line])
    explanation = document["explanation"]
    assert document["sample_id"] == ORDER
    assert explanation["estimate_s"] == document["mean_s"]
    added = sum(reason["contribution_s"] for reason in explanation["reasons"])
    total = explanation["base_s"] + added + explanation["calibration_s"]
    assert total == pytest.approx(document["mean_s"], abs=ROUNDING_S)
    low, high = document["range_80_s"]
    assert low < document["median_s"] < high
    assert document["actual_s"] > 0


def test_a_request_to_a_store_is_explained(shown: Shown) -> None:
    text = shown.of("doorstep explain --store ")
    assert "an order, asked at 2026-03-09T18:00:00+00:00" in text
    assert re.search(r"products +4 products", text)


def test_the_store_and_the_table_explain_an_order_alike(shown: Shown) -> None:
    """Asked at the same moment with the same facts, the same seconds come out."""
    table = json.loads(run("explain", *CITY, "--order", ORDER, "--json").stdout)
    facts = {
        reason["name"]: reason["value"]
        for reason in table["explanation"]["reasons"]
        if reason["topic"] in {"order", "place"}
    }
    keys = [part for name, value in facts.items() for part in ("--key", f"{name}={value}")]
    asked = run("explain", "--store", "events.db", "--at", table["as_of"], "--order", ORDER,
                *keys, "--json")  # fmt: skip
    assert json.loads(asked.stdout)["explanation"] == table["explanation"]


def test_models_are_listed_and_shown(shown: Shown) -> None:
    tag = json.loads((shown.folder / "training.json").read_text(encoding="utf-8"))["model"]
    assert tag in shown.printed["doorstep models"]
    text = shown.printed["doorstep models show etp:latest"]
    assert tag in text
    assert "real-time features" in text
    assert "labels, s" in text
    document = json.loads(run("models", "show", "etp:latest", "--json").stdout)
    assert document["reference"]["answered"] == "test"
    assert len(document["reference"]["inputs"]) == len(document["metadata"]["feature_names"])
    listed = json.loads(run("models", "--json").stdout)
    assert tag in {one["tag"] for one in listed}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "--at", "2026-03-02"), "pass --store, too"),
        (("explain", "--store", "nowhere.db"), "there is no event store 'nowhere.db'"),
        (("explain", "--store", "events.db", "--key", "colour=red"), "--key is 'colour=red'"),
        (("explain", "--store", "events.db", "--key", "amount=much"), "expected a number"),
        (("explain", "--store", "events.db", "--at", "soon"), "--at is 'soon'"),
        (("explain", *CITY, "--order", "o-x"), "cannot be asked about 'o-x': there is none"),
        (("explain", "--model", "nobody:latest"), "nobody"),
        (("models", "show", "nobody:latest"), "nobody"),
        (("evaluate", "--report", "page.txt"), "ends in .html"),
        (("evaluate", "--metrics", "no/folder.json"), "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    shown: Shown, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_nothing_is_written_unless_asked_for(tmp_path: Path) -> None:
    choice = ReportChoice(page=None, metrics=None)
    choice.tell()
    assert list(tmp_path.iterdir()) == []


def test_the_python_example_prints_what_the_page_shows() -> None:
    code, expected = [block.text for block in blocks_of(PAGE) if block.language in
                      {"python", "text"}][:2]  # fmt: skip
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "models.md", "exec"), {"__name__": "page"})
    assert printed.getvalue() == expected
