"""The results of `make soak` are read from pytest's report and stand on their page."""

from __future__ import annotations

import re

import pytest

from tests.soak import BEGIN, END, PAGE, Soaked, page_with, results_of

REPORT = """
<testsuites><testsuite>
  <testcase classname="tests.a.test_b" name="test_c[long]" time="61.26">
    <properties><property name="kills" value="50"/></properties>
  </testcase>
  <testcase classname="tests.a.test_b" name="test_d" time="1.0"><failure>no</failure></testcase>
  <testcase classname="tests.a.test_b" name="test_e" time="0.0"><skipped/></testcase>
</testsuite></testsuites>
"""
RESULTS = [
    Soaked("a.test_b::test_c[long]", "passed", 61.26, "50 kills"),
    Soaked("a.test_b::test_d", "failed", 1.0, ""),
    Soaked("a.test_b::test_e", "skipped", 0.0, ""),
]


def test_a_report_is_read() -> None:
    assert list(results_of(REPORT)) == RESULTS


def test_the_last_results_take_the_place_of_those_before() -> None:
    page = f"# Soak\n\n{BEGIN}\nold\n{END}\n\nAnd on.\n"
    written = page_with(page, RESULTS, commit="abc", day="2026-11-28")
    assert "old" not in written
    assert "commit `abc`, 2026-11-28: 1 passed, 1 failed in 1 minutes" in written
    assert "| `a.test_b::test_c[long]` | passed | 61 | 50 kills |" in written
    assert written.startswith("# Soak\n")
    assert written.endswith("And on.\n")
    assert page_with(written, RESULTS, commit="abc", day="2026-11-28") == written


def test_a_page_without_a_place_for_results_is_refused() -> None:
    with pytest.raises(AssertionError, match="lacks"):
        page_with("# Soak\n", RESULTS, commit="abc", day="2026-11-28")


def test_the_page_has_a_place_for_results() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.search(f"{re.escape(BEGIN)}.*{re.escape(END)}", text, re.DOTALL)
