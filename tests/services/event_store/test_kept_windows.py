"""The memory of kept windows is bounded by a setting, and counted."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from aggregators.engine.serving.kept_memory import KEPT_MEMORY, KeptCounts, KeptMemory
from services.core.errors import SettingError
from services.core.settings.events import StoreSettings
from services.event_store.kept_windows import KeptWindowMetrics, bound_kept_windows

VARIABLE = "DOORSTEP_KEPT_WINDOWS_MIB"


def test_the_default_of_a_service_is_that_of_the_package() -> None:
    assert StoreSettings.from_environment({}).kept_windows_mib * 2**20 == KEPT_MEMORY.bytes_max


@pytest.mark.parametrize("value", ["-1", "0.5", "much"])
def test_a_bad_bound_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match=VARIABLE):
        StoreSettings.from_environment({VARIABLE: value})


def test_windows_are_bounded_and_counted() -> None:
    registry = CollectorRegistry()
    memory = KeptMemory(1)
    settings = StoreSettings.from_environment({VARIABLE: "64"})
    bound_kept_windows(settings.kept_windows_mib, KeptWindowMetrics(registry), memory)
    assert memory.bytes_max == 64 * 2**20
    memory.count(built=3)
    memory.count(changed=1, crowded=1)
    memory.tell()
    memory.count(built=1)
    memory.tell()
    found = {
        "bytes": registry.get_sample_value("doorstep_kept_windows_bytes"),
        "built": registry.get_sample_value("doorstep_kept_windows_built_total"),
        **{
            reason: registry.get_sample_value(
                "doorstep_kept_windows_dropped_total", {"reason": reason}
            )
            for reason in ("changed", "crowded")
        },
    }
    assert found == {"bytes": 0.0, "built": 4.0, "changed": 1.0, "crowded": 1.0}


def test_counts_are_of_what_is_kept() -> None:
    metrics = KeptWindowMetrics(registry := CollectorRegistry())
    metrics.record(KeptCounts(n_bytes=10, n_built=1, n_changed=0, n_crowded=0))
    metrics.record(KeptCounts(n_bytes=4, n_built=1, n_changed=0, n_crowded=1))
    assert registry.get_sample_value("doorstep_kept_windows_bytes") == 4.0
