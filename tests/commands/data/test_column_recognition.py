"""A table whose columns only look like those of a source is refused, with what to say instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from aggregators import Source
from commands.console.output import UserError
from commands.data.catalog_sources import source_of_catalog
from commands.data.column_recognition import check_recognised
from commands.data.sample_check import names_file
from commands.data.tables import TableFile
from tests.services.building import ORDERS, WEATHER


def table(folder: Path, *columns: str, source: Source = ORDERS) -> TableFile:
    path = folder / "orders.csv"
    path.write_text(",".join(columns) + "\n", encoding="utf-8")
    return TableFile(path=path, source=source, renames={})


def test_columns_of_the_source_are_recognised(tmp_path: Path) -> None:
    check_recognised(table(tmp_path, "order_id", "store_id", "dispatched", "colour"))


@pytest.mark.parametrize("column", ["ready_at", "Ready", "ready time", "redy"])
def test_a_column_that_looks_like_one_that_is_missing_is_asked_about(
    tmp_path: Path, column: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_recognised(table(tmp_path, "order_id", "store_id", "dispatched", column))
    assert f"lacks ready (is it {column!r}?)" in str(caught.value)
    assert f"--rename {column}=ready" in str(caught.value)
    assert f"not recognised: {column}" in str(caught.value)


def test_a_table_without_any_dimension_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has none of the dimensions store_id, city, courier_id"):
        check_recognised(table(tmp_path, "order_id", "dispatched", "ready"))


def test_one_column_stands_for_one_name_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_recognised(
            table(tmp_path, "order_id", "store_id", "dispatched", "ready_at", "ready_ts")
        )
    assert str(caught.value).count("lacks ready") == 1


def test_a_source_is_found_by_its_name() -> None:
    assert source_of_catalog((ORDERS, WEATHER), "weather") is WEATHER
    with pytest.raises(UserError, match="no source 'wether'; known: orders, weather"):
        source_of_catalog((ORDERS, WEATHER), "wether")


def test_errors_of_the_engine_name_the_file(tmp_path: Path) -> None:
    from aggregators.errors import ColumnError

    file = table(tmp_path, "order_id", "store_id", "ready")
    with pytest.raises(UserError, match=r"orders\.csv, column 'a' is odd"), names_file(file):
        raise ColumnError("column 'a' is odd")
    with pytest.raises(ZeroDivisionError), names_file(file):
        raise ZeroDivisionError
