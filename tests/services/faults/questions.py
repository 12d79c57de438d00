"""The questions of all callers, and what their answers say about how they came about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from tests.services.faults.city import City, ask, statuses
from tests.waiting import wait_until

WELL = {"ok", "input_clipped"}


def answers_of(http: httpx.Client, city: City) -> dict[str, Any]:
    """The answers to all callers, by path; each must be there, whatever happens."""
    answers: dict[str, Any] = {}
    for path, body in city.questions.items():
        response = ask(http, path, body)
        assert response.status_code == 200, f"{path}: {response.text}"
        answers[path] = response.json()
    return answers


def is_well(http: httpx.Client, city: City) -> bool:
    """Whether all callers are answered as they should be."""
    return all(statuses(answer) <= WELL for answer in answers_of(http, city).values())


def well_answers_of(http: httpx.Client, city: City) -> dict[str, Any]:
    """The answers to all callers once they are as they should be: a part may be late for once."""
    found: dict[str, Any] = {}

    def are_well() -> bool:
        found.update(answers_of(http, city))
        return all(statuses(answer) <= WELL for answer in found.values())

    wait_until(are_well)
    return found


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two rounds of answers are equal, but for the ids of their requests."""
    return all(
        {**first[path], "request_id": ""} == {**second[path], "request_id": ""} for path in first
    )


def width_of(answer: dict[str, Any]) -> float:
    """Seconds between the outer levels, of all orders of an answer together.

    Of a single order, what is usual may reach less far than what its model says.
    """
    rows = [row["answer"] for row in answer["rows"]] if "rows" in answer else [answer]
    ranges = [row["arrival_s" if "rows" in answer else "eta_s"] for row in rows]
    return float(sum(one["0.9"] - one["0.1"] for one in ranges))


def notes_of(answer: Any) -> Iterator[str]:
    """All notes that stand anywhere in an answer."""
    values = answer.items() if isinstance(answer, dict) else enumerate(answer)
    for name, value in values:
        if name == "notes":
            yield from (one for row in value for one in ([row] if isinstance(row, str) else row))
        elif isinstance(value, dict | list):
            yield from notes_of(value)
