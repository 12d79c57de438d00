"""One's own table by a mapping: what it gives, what is guessed, and what every mistake is told.

Tests `commands.mapping` and `commands.data.mapped_tables`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from aggregators import Duration
from aggregators.catalog import CATALOG
from commands.console.output import UserError
from commands.data.mapped_dataset import mapped_dataset
from commands.data.mapping_file import TableMapping, json_schema, read_mapping
from commands.guessing.guess import guess_mapping
from commands.guessing.mapping_text import mapping_text
from commands.main import app
from estimators.core.labels import LabelBounds
from estimators.etp import train_etp
from estimators.training.train import CONSTANT_MEDIAN
from simulator import CityPlan, simulate
from tests.commands.running import ROOT
from tests.estimators.building import QUICK

GOOD = """\
file: history.parquet
id: order_no
events:
  activated: placed_at
  dispatched: dispatched
  ready: ready
  courier_assigned: courier_assigned
  courier_at_store: courier_at_store
  cancelled: cancelled
dimensions: [store_id, city, courier_id]
attributes: {amount: total, products: products}
known_from: {courier_id: courier_assigned}
timezone: {BCN: Europe/Madrid, WAW: Europe/Warsaw}
label_bounds_s: [30, null]
test_from: 25%
tables:
  weather:
    file: weather.csv
    events: {observed: time}
    dimensions: {city: town}
    attributes: {temperature_c: celsius}
    clock: Europe/Madrid
"""


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    orders = simulate(CityPlan(stores=4, days=4, seed=2))
    names = {"order_id": "order_no", "activated": "placed_at", "amount": "total"}
    return orders.rename(columns=names)


@pytest.fixture
def folder(tmp_path: Path, history: pd.DataFrame) -> Path:
    history.to_parquet(tmp_path / "history.parquet")
    hours = pd.date_range("2026-03-02", periods=96, freq="h")
    weather = pd.DataFrame({"time": hours, "town": "BCN", "celsius": np.arange(96) % 24})
    weather.to_csv(tmp_path / "weather.csv", index=False)
    (tmp_path / "mapping.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def test_the_columns_become_events_dimensions_and_attributes(
    folder: Path, history: pd.DataFrame
) -> None:
    dataset = mapped_dataset(folder / "mapping.yaml")
    source = dataset.source
    assert (source.name, source.sample_id) == ("orders", "order_id")
    assert source.events[:2] == ("activated", "dispatched")
    assert source.known_from_event("courier_id") == "courier_assigned"
    table = dataset.table
    assert table["order_id"].tolist() == history["order_no"].tolist()
    assert (table["activated"] == history["placed_at"]).all()
    assert table["amount"].tolist() == history["total"].tolist()
    assert dataset.name == "history"
    assert (dataset.target, dataset.as_of) == (Duration("dispatched", "ready"), "dispatched")
    assert dataset.timezones == {"BCN": "Europe/Madrid", "WAW": "Europe/Warsaw"}
    assert dataset.label_bounds_s == (30.0, float("inf"))
    asked = table["dispatched"].dropna()
    assert (asked >= dataset.test_from).mean() == pytest.approx(0.25, abs=0.01)
    (weather,) = dataset.others
    assert weather.attributes == ("temperature_c",)
    first = dataset.others[weather]["observed"].iloc[0]
    assert first == pd.Timestamp("2026-03-02", tz="Europe/Madrid")


def test_each_question_has_the_facts_that_are_known_when_it_is_asked(folder: Path) -> None:
    dataset = mapped_dataset(folder / "mapping.yaml")
    assert dataset.categories == ("store_id", "city")
    leg = Duration("courier_assigned", "courier_at_store")
    assert dataset.about(leg, as_of=leg.start).categories == ("store_id", "city", "courier_id")


def test_csv_gives_what_parquet_gives(folder: Path, history: pd.DataFrame) -> None:
    history.to_csv(folder / "history.csv", index=False)
    parquet = mapped_dataset(folder / "mapping.yaml").table
    csv = mapped_dataset(folder / "mapping.yaml", folder / "history.csv").table
    for name in parquet.columns:
        assert csv[name].dropna().tolist() == parquet[name].dropna().tolist(), name


def test_a_folder_is_where_the_file_is_looked_up(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "history.parquet").rename(elsewhere / "history.parquet")
    assert len(mapped_dataset(folder / "mapping.yaml", elsewhere).table)


def test_rows_without_an_id_are_numbered(folder: Path) -> None:
    (folder / "mapping.yaml").write_text(GOOD.replace("id: order_no\n", ""), encoding="utf-8")
    table = mapped_dataset(folder / "mapping.yaml").table
    assert table["order_id"].tolist() == list(range(1, len(table) + 1))


def test_an_event_may_be_told_by_what_lies_in_between(folder: Path, history: pd.DataFrame) -> None:
    took = (history["ready"] - history["dispatched"]).dt.total_seconds()
    told = history.assign(took=took / 60.0)
    told.drop(columns="ready").to_csv(folder / "history.csv", index=False)
    text = GOOD.replace("ready: ready", "ready: {after: dispatched, minutes: took}")
    (folder / "mapping.yaml").write_text(text, encoding="utf-8")
    dataset = mapped_dataset(folder / "mapping.yaml", folder / "history.csv")
    off = (dataset.table["ready"] - history["ready"]).dropna().abs()
    assert len(off) == history["ready"].notna().sum()
    assert off.max() <= pd.Timedelta("1us")
    assert list(dataset.source.events) == list(read_mapping(folder / "mapping.yaml").mapping.events)
    assert "ready_after" not in dataset.table.columns


def test_an_attribute_that_tells_the_answer_is_warned_of(
    folder: Path, history: pd.DataFrame
) -> None:
    took = (history["ready"] - history["dispatched"]).dt.total_seconds()
    history.assign(total=took).to_parquet(folder / "history.parquet")
    checked = CliRunner().invoke(app, ["mapping", "check", str(folder / "mapping.yaml")])
    assert checked.exit_code == 0, checked.output
    assert "amount follows dispatched to ready almost exactly" in " ".join(checked.output.split())


MISTAKES = [
    ("ready: ready", "ready: {after: dispatched}", "events.ready: expected seconds or minutes"),
    (
        "ready: ready",
        "ready: {after: cancled, minutes: total}",
        "events.ready.after: 'cancled' is no event .*did you mean 'cancelled'",
    ),
    ("ready: ready", "ready: {afer: dispatched}", "events.ready.afer: no such field.*mean 'after'"),
    ("id: order_no", "id: 3", "line 2, id is 3; expected text"),
    ("id: order_no", "idd: order_no", "line 2, idd: no such field; did you mean 'id'?"),
    ("id: order_no", "id: order_id", "line 2, id: 'order_id' is no column of history.parquet"),
    ("ready: ready", "ready: redy", "line 6, events.ready: 'redy' is no column .*mean 'ready'"),
    ("ready: ready", "ready: 4", "line 6, events.ready is 4; expected text"),
    ("ready: ready", "ready: placed_at", "events.ready: column 'placed_at' is 'activated' already"),
    ("store_id, city", "store_id, cty", "line 10, dimensions: 'cty' .* did you mean 'city'"),
    ("courier_id: courier_a", "couier_id: courier_a", "known_from.couier_id: .*'courier_id'"),
    ("courier_id: courier_assigned}", "courier_id: assigned}", "line 12, known_from.courier_id"),
    ("BCN: Europe/Madrid", "BCN: Madrid", "timezone.BCN: 'Madrid' is no timezone"),
    ("BCN: Eur", "BNC: Eur", "timezone.BNC: 'BNC' is no value of 'city'; did you mean 'BCN'"),
    ("[30, null]", "[30, x]", "line 14, label_bounds_s.1 is 'x'; expected number or nothing"),
    ("[30, null]", "[30]", r"label_bounds_s is \[30\]; expected a list of length 2"),
    ("25%", "soon", "line 15, test_from: 'soon' is no moment and no part"),
    ("25%", "250%", "test_from: '250%' of the rows"),
    ("25%", "25%\ntarget: [accepted, ready]", "target.0: 'accepted' is no event"),
    ("25%", "25%\ntarget: [ready, ready]", "there is no time to estimate"),
    ("25%", "25%\nnumbers: [amuont]", "numbers.0: 'amuont' .* did you mean 'amount'"),
    ("25%", "25%\nambiguous: both", 'ambiguous is .both.; expected one of "earlier", "later"'),
    ("25%", "25%\ncsv: {decimal: ;}", r'csv.decimal is .;.; expected one of "\.", ","'),
    ("25%", "25%\ntimezone_by: town", "timezone_by: 'town' is no dimension"),
    ("25%", "25%\nid: order_no", "'id' stands twice"),
    ("[30, null]", "[30, null", "is no YAML"),
    ("celsius}", "celsus}", "tables.weather.attributes.temperature_c: 'celsus' .*'celsius'"),
    ("    events: {ob", "    evnts: {ob", "tables.weather lacks 'events'|tables.weather.evnts"),
    ("clock: Europe/Madrid", "clock: Madrid", "tables.weather.clock: is 'Madrid'"),
    ("    clock: Europe/Madrid\n", "", "tables.weather.clock: Europe/Helsinki"),
    ("weather.csv", "wether.csv", "tables.weather.file: there is no 'wether.csv'"),
    ("history.parquet", "histry.parquet", "line 1, file: there is no 'histry.parquet'"),
]


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES)
def test_every_mistake_is_told_with_its_place(old: str, new: str, told: str, folder: Path) -> None:
    assert old in GOOD
    (folder / "mapping.yaml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        mapped_dataset(folder / "mapping.yaml")
    assert re.search(told, str(refused.value)), str(refused.value)


def test_words_of_yaml_1_1_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("id: no\nevents: {on: yes, off: 1e}\ntest_from: 2026-03-02\n", encoding="utf-8")
    mapping = read_mapping(path).mapping
    assert (mapping.id, mapping.test_from) == ("no", "2026-03-02")
    assert mapping.events == {"on": "yes", "off": "1e"}


def test_the_guess_is_a_mapping_that_trains(folder: Path, history: pd.DataFrame) -> None:
    text = mapping_text(guess_mapping(folder / "history.parquet"))
    (folder / "guess.yaml").write_text(text, encoding="utf-8")
    dataset = mapped_dataset(folder / "guess.yaml")
    renamed = {"order_id": "order_no", "activated": "placed_at", "amount": "total"}
    for name in ("order_id", "activated", "ready", "store_id", "courier_id", "amount", "products"):
        column = history[renamed.get(name, name)]
        assert dataset.table[name].dropna().tolist() == column.dropna().tolist(), name
    assert dataset.source.known_from_event("courier_id") == "courier_assigned"
    assert dataset.trains.sum() > 100


def test_a_number_that_tells_the_answer_is_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2026-03-02 12:00")
    minutes = rng.uniform(5.0, 40.0, 50)
    table = pd.DataFrame(
        {
            "placed": start + pd.to_timedelta(np.arange(50), unit="min"),
            "handed_over": start + pd.to_timedelta(np.arange(50) + minutes, unit="min"),
            "speedy": minutes,
            "minutes_it_took": minutes.round(),
            "basket": rng.uniform(5.0, 40.0, 50),
            "Shop Name": [f"s{i % 5}" for i in range(50)],
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    guessed = guess_mapping(tmp_path / "t.csv")
    assert set(guessed.left_out) == {"speedy", "minutes_it_took"}
    assert guessed.events == {"activated": "placed", "delivered": "handed_over"}
    assert guessed.naive == ["activated", "delivered"]
    assert guessed.dimensions == {"store_id": "Shop Name"}
    assert guessed.attributes == {"amount": "basket"}
    assert "clock: UTC" in mapping_text(guessed)
    assert guessed.id == ""


def test_a_column_that_comes_with_an_event_is_known_from_it(
    folder: Path, history: pd.DataFrame
) -> None:
    table = history.drop(columns=["courier_id", "distance_to_store_m"])
    assigned = table["courier_assigned"].notna()
    assert not assigned.all()
    table["vehicle"] = np.where(np.arange(len(table)) % 3, "bicycle", "car")
    table["vehicle"] = table["vehicle"].where(assigned)
    table["city"] = "BCN"
    table.to_parquet(folder / "history.parquet")
    guessed = guess_mapping(folder / "history.parquet")
    assert guessed.known_from == {"vehicle": "courier_assigned"}
    assert guessed.dimensions["city"] == "city"


def test_a_constant_is_in_every_row(folder: Path) -> None:
    text = GOOD.replace("[store_id, city, courier_id]", "[store_id, courier_id]")
    text = text.replace(
        "timezone: {BCN: Europe/Madrid, WAW: Europe/Warsaw}", "timezone: Europe/Rome"
    )
    (folder / "mapping.yaml").write_text(text + "constants: {city: ROM}\n", encoding="utf-8")
    dataset = mapped_dataset(folder / "mapping.yaml")
    assert set(dataset.table["city"]) == {"ROM"}
    assert (dataset.timezone_by, dataset.timezones) == ("city", {"ROM": "Europe/Rome"})
    assert "city" in dataset.categories


def test_a_button_that_is_pressed_late_has_bounds(folder: Path) -> None:
    bounds = (
        "censoring: {event: ready, at_least: [dispatched], at_most: [cancelled],"
        " waits_from: courier_at_store}\n"
    )
    (folder / "mapping.yaml").write_text(GOOD + bounds, encoding="utf-8")
    found = mapped_dataset(folder / "mapping.yaml").censoring
    assert found == LabelBounds(
        event="ready",
        at_least=("dispatched",),
        at_most=("cancelled",),
        waits_from="courier_at_store",
    )
    wrong = bounds.replace("[cancelled]", "[cancled]")
    (folder / "mapping.yaml").write_text(GOOD + wrong, encoding="utf-8")
    with pytest.raises(UserError, match=r"censoring.at_most: 'cancled' .* mean 'cancelled'"):
        mapped_dataset(folder / "mapping.yaml")


def test_the_command_guesses_checks_and_prints_the_schema(folder: Path) -> None:
    runner = CliRunner()
    made = runner.invoke(
        app, ["mapping", "init", str(folder / "history.parquet"), "--to", str(folder / "m.yaml")]
    )
    assert made.exit_code == 0, made.output
    again = runner.invoke(
        app, ["mapping", "init", str(folder / "history.parquet"), "--to", str(folder / "m.yaml")]
    )
    assert again.exit_code == 1
    checked = runner.invoke(app, ["mapping", "check", str(folder / "m.yaml")])
    assert checked.exit_code == 0, checked.output
    assert "rows to train on" in checked.output
    shown = runner.invoke(app, ["mapping", "schema"])
    assert json.loads(shown.output) == json_schema()


def test_a_table_may_tell_the_model_nothing_but_its_past(folder: Path) -> None:
    bare = GOOD.partition("timezone:")[0] + "numbers: []\ncategories: []\n"
    (folder / "mapping.yaml").write_text(bare, encoding="utf-8")
    dataset = mapped_dataset(folder / "mapping.yaml")
    assert (dataset.numbers, dataset.categories, dataset.timezone_by) == ((), (), "")
    report = train_etp(dataset, parameters=QUICK).report
    assert {row.model for row in report.rows} == {"etp", CONSTANT_MEDIAN}


def test_a_table_without_dimensions_is_told_so(folder: Path) -> None:
    text = "file: history.parquet\nevents: [dispatched, ready]\n"
    (folder / "mapping.yaml").write_text(text, encoding="utf-8")
    shown = CliRunner().invoke(app, ["train", "etp", "--mapping", str(folder / "mapping.yaml")])
    assert shown.exit_code == 1
    assert "its dimensions are none" in " ".join(shown.output.split())


def test_training_and_what_is_served_agree_on_a_mapped_table(folder: Path) -> None:
    arguments = ["--mapping", str(folder / "mapping.yaml"), "--max-rows", "40"]
    report = folder / "report"
    shown = CliRunner().invoke(app, ["check-equivalence", *arguments, "--report", str(report)])
    assert shown.exit_code == 0, shown.output
    assert " 0 mismatches" in shown.output
    (one,) = json.loads((report / "equivalence.json").read_text())["runs"]
    assert {"store_time_to_ready_last_200_median", "courier_travel_1d_median"} <= {
        *one["by_feature"]
    }


def test_a_mapping_and_a_data_set_exclude_each_other(folder: Path) -> None:
    shown = CliRunner().invoke(
        app,
        ["train", "etp", "--mapping", str(folder / "mapping.yaml"), "--dataset", "wolt"],
    )
    assert shown.exit_code == 1
    assert "pass one of the two" in shown.output


def test_every_field_is_documented() -> None:
    page = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
    for name in TableMapping.__struct_fields__:
        assert f"`{name}`" in page, name
    for source in CATALOG.sources:
        for name in (source.name, *source.events, *source.columns):
            assert f"`{name}`" in page, name
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    mapping = msgspec.convert(yaml.safe_load(example), TableMapping)
    for name, table in {"orders": mapping, **mapping.tables}.items():
        (source,) = [one for one in CATALOG.sources if one.name == name]
        assert set(table.pairs("events")) <= set(source.events)
        used = {*table.pairs("dimensions"), *table.pairs("attributes")}
        assert used <= set(source.columns)


def test_a_name_that_models_compute_is_refused(folder: Path) -> None:
    for name in ("local_hour", "store_queue_orders"):
        text = GOOD.replace("products: products", f"{name}: products")
        (folder / "mapping.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=f"attributes.{name}: .*own_{name}: products"):
            mapped_dataset(folder / "mapping.yaml")


def test_the_guess_names_the_file_from_its_own_folder(
    folder: Path, history: pd.DataFrame, tmp_path: Path
) -> None:
    inside = tmp_path / "mappings"
    inside.mkdir()
    mapping = inside / "mapping.yaml"
    table = folder / "history.parquet"
    history.rename(columns={"total": "local_hour"}).to_parquet(table)
    shown = CliRunner().invoke(app, ["mapping", "init", str(table), "--to", str(mapping)])
    assert shown.exit_code == 0, shown.output
    assert f"doorstep mapping check {mapping}" in shown.output.replace("\n", "")
    shown = CliRunner().invoke(app, ["mapping", "check", str(mapping)])
    assert shown.exit_code == 0, shown.output
    shown = CliRunner().invoke(app, ["mapping", "init", str(table), "--to", str(mapping)])
    assert "there is a file" in shown.output
    nowhere = str(tmp_path / "nowhere" / "mapping.yaml")
    shown = CliRunner().invoke(app, ["mapping", "init", str(table), "--to", nowhere])
    assert "there is no folder" in shown.output
