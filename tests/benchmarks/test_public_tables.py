"""The errors on public data as a table."""

from __future__ import annotations

import pytest

from benchmarks import public_tables
from benchmarks.public_tables import table


def a_run(mae_s: float) -> dict[str, object]:
    line = {"mae_s": mae_s, "rmse_s": 300.0, "bias_s": 1.0, "crps_s": 150.0, "in_80": 0.801}
    return {
        "noise_s": 8.0,
        "processor_s": 4.0,
        "models": {"etp": line, "constant median": {**line, "mae_s": 450.0}},
    }


def test_a_line_has_the_medians_over_the_seeds() -> None:
    plain = {"mae_s": 210.0, "rmse_s": 310.0, "bias_s": 0.0}
    found = table(
        {
            "town": {
                "estimator": "etp",
                "runs": [a_run(200.0), a_run(204.0), a_run(220.0)],
                "plain": {
                    "plain LightGBM, L1": plain,
                    "plain LightGBM, L2": plain,
                    "plain LightGBM, quantiles": {**plain, "crps_s": 160.0, "in_80": 0.64},
                },
            }
        }
    ).splitlines()
    assert "| town | 450 | nan | **204.0** ± 8.0 | 210.0 / 210.0 | 150.0 / 160.0 |" in found[-1]
    assert len({line.count("|") for line in found}) == 1


def test_it_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        public_tables.main(["--help"])
    assert ended.value.code == 0
    assert "python -m benchmarks.public_tables" in capsys.readouterr().out
