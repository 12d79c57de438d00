"""Instruments are registered with their names, labels and buckets, and once for a process."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from services.core.instruments import Instruments


class Doors(Instruments):
    """Counts doors."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        self.opened = self.counter("test_doors_opened", "Doors that were opened", "which")
        self.open = self.gauge("test_doors_open", "Doors that are open", together="livesum")
        self.open_s = self.histogram(
            "test_doors_open_seconds", "Time that a door was open", "which", buckets=(1.0, 60.0)
        )


class Windows(Instruments):
    """Counts nothing."""


def test_instruments_show_what_happened() -> None:
    registry = CollectorRegistry()
    doors = Doors(registry)
    doors.opened.labels("front").inc(2)
    doors.open.set(3)
    doors.open_s.labels("front").observe(30.0)
    front = {"which": "front"}
    assert registry.get_sample_value("test_doors_opened_total", front) == 2.0
    assert registry.get_sample_value("test_doors_open") == 3.0
    buckets = {
        le: registry.get_sample_value("test_doors_open_seconds_bucket", {**front, "le": le})
        for le in ("1.0", "60.0", "+Inf")
    }
    assert buckets == {"1.0": 0.0, "60.0": 1.0, "+Inf": 1.0}
    assert vars(doors.open)["_multiprocess_mode"] == "livesum"


def test_those_of_a_process_are_made_once_for_each_class() -> None:
    doors, windows = Doors.of_process(), Windows.of_process()
    assert Doors.of_process() is doors
    assert Windows.of_process() is windows
    doors.opened.labels("back").inc()
    assert REGISTRY.get_sample_value("test_doors_opened_total", {"which": "back"}) == 1.0
