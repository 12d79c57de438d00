"""Who ends a service waits for as long as the service may take."""

from __future__ import annotations

import pytest
import yaml

from services.core.settings.transport import TransportSettings
from tests.deploy.kustomized import DEPLOY, OVERLAYS, kustomized

SPARE_S = 5.0
"""For what is written when the last request is answered."""


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_given_the_time_of_grace_after_load_balancers_have_forgotten_them(
    overlay: str,
) -> None:
    services = 0
    for resource in kustomized(DEPLOY / "overlays" / overlay):
        if resource["kind"] != "Deployment":
            continue
        spec = resource["spec"]["template"]["spec"]
        for container in spec["containers"]:
            program, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
            assert program == "sleep"
            least_s = float(seconds) + TransportSettings().grace_s + SPARE_S
            assert spec["terminationGracePeriodSeconds"] >= least_s
            services += 1
    assert services


def test_containers_are_given_the_time_of_grace() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yaml").read_text(encoding="utf-8"))
    for name, container in compose["services"].items():
        if name != "redis":
            seconds = float(container["stop_grace_period"].removesuffix("s"))
            assert seconds >= TransportSettings().grace_s + SPARE_S, name
