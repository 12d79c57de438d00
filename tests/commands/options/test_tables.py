"""The options that say how a table is read make the table, or an error that says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from commands.console.output import UserError
from commands.options.tables import TABLE_OPTIONS, TableChoice
from tests.services.building import ORDERS

PLAIN = TableChoice(
    source="orders", rename=None, time_zone=None, integers=None, encoding=None, incomplete=False
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("order_id,store_id,dispatched,done\n", encoding="utf-8")
    return path


def test_the_options_without_anything_said_are_a_plain_choice() -> None:
    defaults = {name: default for name, (_, default) in TABLE_OPTIONS.options.items()}
    assert TABLE_OPTIONS.build(**defaults) == PLAIN
    assert not PLAIN.describes_columns


@pytest.mark.parametrize(
    "said", [{"rename": ["done=ready"]}, {"time_zone": "UTC"}, {"integers": ["store_id"]}]
)
def test_some_options_say_what_a_mapping_says_too(said: dict[str, object]) -> None:
    assert replace(PLAIN, **said).describes_columns  # type: ignore[arg-type]


def test_a_table_is_read_as_the_options_say(path: Path) -> None:
    choice = replace(PLAIN, rename=["done=ready"], integers=["store_id"], time_zone="Europe/Madrid")
    file = choice.file(path, (ORDERS,))
    assert file.source is ORDERS
    assert file.renames == {"done": "ready"}
    assert file.time_zone == "Europe/Madrid"
    assert file.integers == ("store_id",)


def test_a_table_that_is_not_recognised_is_taken_where_it_is_said_to_be_incomplete(
    tmp_path: Path,
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order_id,dispatched\n", encoding="utf-8")
    with pytest.raises(UserError, match="none of the dimensions"):
        PLAIN.file(path, (ORDERS,))
    assert replace(PLAIN, incomplete=True).file(path, (ORDERS,)).path == path


def test_an_unknown_source_is_named_with_those_that_there_are(path: Path) -> None:
    with pytest.raises(UserError, match="no source 'order'; known: orders"):
        replace(PLAIN, source="order").file(path, (ORDERS,))
