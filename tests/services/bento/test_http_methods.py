"""Each path of a service is known with all methods that it takes."""

from __future__ import annotations

import pytest

from services.bento.http_methods import methods_of
from services.middleware.infrastructure_paths import TAG, infrastructure_paths
from tests.services.every_service import EVERY_SERVICE


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_endpoints_take_post_and_what_is_mounted_takes_its_own(name: str) -> None:
    known = EVERY_SERVICE[name]
    methods = methods_of(known.service)
    assert set(known.endpoints()) <= set(methods)
    for path in known.endpoints():
        assert "POST" in methods[path].split(", ")
    if name == "events":
        assert methods["/features"] == "GET, HEAD, POST"
    assert all(text == ", ".join(sorted(text.split(", "))) for text in methods.values())


def test_open_paths_are_described_with_all_that_they_answer() -> None:
    paths = infrastructure_paths()
    assert {"/", "/docs.json", "/livez", "/readyz", "/healthz", "/metrics"} <= set(paths)
    for path, operations in paths.items():
        (operation,) = operations.values()
        assert operation["tags"] == [TAG], path
        assert operation["summary"]
        assert {"200", "500", "503", "504"} <= set(operation["responses"]), path
        for response in operation["responses"].values():
            assert response["content"], path
