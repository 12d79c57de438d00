"""`doorstep train` on a mapping with a baseline: it warns of one that is too noisy to subtract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from commands.main import app
from simulator import CityPlan, simulate

MAPPING = """\
file: rides.parquet
id: order_id
events: [activated, picked_up, courier_at_customer]
dimensions: [courier_id, city]
attributes: [distance_m, router_s]
filter: courier_at_customer is not missing
target: [picked_up, courier_at_customer]
baseline: router_s
"""


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "warned"), [(0.05, False), (0.8, True)])
def test_a_noisy_baseline_is_warned_of(noise: float, warned: bool, tmp_path: Path) -> None:
    rides = simulate(CityPlan(stores=6, days=6, seed=8))
    took_s = (rides["courier_at_customer"] - rides["picked_up"]).dt.total_seconds()
    rides["router_s"] = took_s * np.random.default_rng(8).lognormal(0.0, noise, len(rides))
    rides.to_parquet(tmp_path / "rides.parquet")
    mapping = tmp_path / "m.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    arguments = [
        "train",
        "courier-travel",
        "--mapping",
        str(mapping),
        "--no-save",
        "--threads",
        "1",
    ]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    said = " ".join(shown.output.split())
    assert "baseline as a fact" in said
    assert ("s beside the baseline router_s," in said) is warned, said
