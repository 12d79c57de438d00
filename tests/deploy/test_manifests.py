"""The Kubernetes manifests follow the schemas of Kubernetes, and hang together."""

from __future__ import annotations

import copy
import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from deploy.bentos import SERVICES
from services.core.errors import SettingError
from services.core.placeholders import PLACEHOLDER, check_placeholder
from services.core.settings.table import GROUPS, settings_of
from services.event_store.opening import open_event_store
from services.middleware.api_keys import ApiKeys
from tests.deploy.kustomized import (
    CLUSTER_WIDE,
    DEPLOY,
    OVERLAYS,
    Resource,
    containers,
    documents,
    identity,
    kustomized,
    of_kind,
    pods,
    selects,
)

KUBERNETES = ("1.31", "1.34", "1.37")
NAMES = {service.replace("_", "-") for service in SERVICES}
SERVED = {"one-process": {"events", "eta"}, "distributed": NAMES}
SECRETS = documents(DEPLOY / "secrets.example.yaml")

# Who may open a connection to whom, within the namespace.
TALK = {
    "one-process": {("events", "redis"), ("eta", "redis"), ("training", "redis")},
    "distributed": {
        *((name, "redis") for name in NAMES),
        ("training", "redis"),
        ("eta", "etp"),
        ("eta", "courier-travel"),
        ("eta", "wall-eta"),
    },
}


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def resources(overlay: str) -> list[Resource]:
    return kustomized(DEPLOY / "overlays" / overlay)


def valid(resource: Resource, version: str) -> None:
    kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_follow_the_schemas(resources: list[Resource], version: str) -> None:
    for resource in [*resources, *SECRETS]:
        valid(resource, version)


def test_schemas_would_find_a_slip(resources: list[Resource]) -> None:
    (deployment, *_) = of_kind(resources, "Deployment")
    for slip in ({"replica": 2}, {"minReadySeconds": "ten"}):
        wrong = copy.deepcopy(deployment)
        wrong["spec"] |= slip
        with pytest.raises(kubernetes_validate.ValidationError):
            valid(wrong, KUBERNETES[-1])


def test_every_file_is_used_and_nothing_stands_twice(overlay: str) -> None:
    resources = kustomized(DEPLOY / "overlays" / overlay)
    assert len({identity(one) for one in resources}) == len(resources)
    used = {identity(one) for name in OVERLAYS for one in kustomized(DEPLOY / "overlays" / name)}
    for path in (DEPLOY / "base").rglob("*.yaml"):
        if path.name != "kustomization.yaml":
            assert {identity(one) for one in documents(path)} <= used, path


def test_everything_is_in_one_namespace_that_the_manifests_make(resources: list[Resource]) -> None:
    (namespace,) = of_kind(resources, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    inside = [one for one in resources if one["kind"] not in CLUSTER_WIDE]
    assert {one["metadata"]["namespace"] for one in inside} == {namespace["metadata"]["name"]}


def test_every_service_has_all_that_it_takes(overlay: str, resources: list[Resource]) -> None:
    for kind in (
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
    ):
        assert SERVED[overlay] <= {one["metadata"]["name"] for one in of_kind(resources, kind)}
    assert {one["metadata"]["name"] for one in of_kind(resources, "Deployment")} == SERVED[overlay]


def test_selectors_take_their_own_pods_and_no_others(resources: list[Resource]) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(resources).items()}
    for resource in of_kind(resources, "Deployment", "StatefulSet", "PodDisruptionBudget"):
        selector = resource["spec"]["selector"]
        taken = [name for name in labels if selects(selector, labels[name])]
        assert taken == [resource["metadata"]["name"]], identity(resource)
    for resource in of_kind(resources, "Service"):
        selector = {"matchLabels": resource["spec"]["selector"]}
        taken = [name for name in labels if selects(selector, labels[name])]
        assert taken == [resource["metadata"]["name"]], identity(resource)
    for name, pod in pods(resources).items():
        for spread in pod["spec"].get("topologySpreadConstraints", []):
            assert selects(spread["labelSelector"], labels[name])


def test_ports_are_those_of_the_containers(resources: list[Resource]) -> None:
    started = pods(resources)
    for service in of_kind(resources, "Service"):
        pod = started[service["metadata"]["name"]]
        ports = {
            port["name"]: port["containerPort"]
            for container in pod["spec"]["containers"]
            for port in container["ports"]
        }
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    for deployment in of_kind(resources, "Deployment"):
        (container,) = containers(deployment)
        names = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in names
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_autoscalers_scale_their_deployment_and_nobody_else_does(
    resources: list[Resource],
) -> None:
    for deployment in of_kind(resources, "Deployment"):
        assert "replicas" not in deployment["spec"], "each rollout would undo the autoscaler"
    for scaler in of_kind(resources, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == ("Deployment", scaler["metadata"]["name"])
        assert 2 <= scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]


def test_a_rollout_takes_no_capacity_away(resources: list[Resource]) -> None:
    for deployment in of_kind(resources, "Deployment"):
        spec = deployment["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        (container,) = containers(deployment)
        waits_s = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        # What is under way may take the services' 10 s after no load balancer sends more.
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= waits_s + 10


def test_pods_may_do_nothing_that_they_need_not(resources: list[Resource]) -> None:
    for resource in resources:
        for container in containers(resource):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys()
            assert "memory" in container["resources"]["limits"]
    for pod in pods(resources).values():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["runAsUser"] > 0
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["serviceAccountName"] in {
            one["metadata"]["name"] for one in of_kind(resources, "ServiceAccount")
        }


def test_images_are_pinned_and_those_that_are_built(resources: list[Resource]) -> None:
    built = {f"registry.example.com/doorstep-{name}" for name in (*NAMES, "tools")}
    for resource in resources:
        for container in containers(resource):
            name, separator, tag = container["image"].partition("@")[0].rpartition(":")
            assert separator
            assert re.search(r"\d", tag), container["image"]
            assert tag != "latest"
            assert name in {*built, "redis"}, "the overlay says where an image comes from"
            assert container["imagePullPolicy"] == "IfNotPresent"


def test_same_redis_runs_everywhere(resources: list[Resource]) -> None:
    (redis,) = of_kind(resources, "StatefulSet")
    (container,) = containers(redis)
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yaml").read_text())
    assert container["image"] == compose["services"]["redis"]["image"]
    for text in (container["command"][-1], " ".join(compose["services"]["redis"]["command"])):
        assert "--appendonly yes --appendfsync always" in text
        assert "--maxmemory-policy noeviction" in text
        assert '--save ""' in text


def references(pod: Resource) -> set[tuple[str, str, str | None]]:
    """Kind, name and key of every configuration and secret that a pod names."""
    found: set[tuple[str, str, str | None]] = set()
    spec = pod["spec"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for source in container.get("envFrom", []):
            found.add(("ConfigMap", source["configMapRef"]["name"], None))
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                found.add(("Secret", reference["name"], reference["key"]))
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            found.add(("ConfigMap", volume["configMap"]["name"], None))
        if "persistentVolumeClaim" in volume:
            found.add(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None))
        for source in volume.get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                found.add(("Secret", source["secret"]["name"], item["key"]))
    return found


def test_what_pods_refer_to_is_there(resources: list[Resource]) -> None:
    there: set[tuple[str, str, str | None]] = {(*identity(one), None) for one in resources}
    for secret in SECRETS:
        there |= {(*identity(secret), key) for key in secret["stringData"]}
    for name, pod in pods(resources).items():
        assert references(pod) <= there, name
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
        volumes |= {"data"} if name == "redis" else set()
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            mounts = [mount["name"] for mount in container.get("volumeMounts", [])]
            assert {*mounts} <= volumes


def test_no_secret_is_in_what_is_applied(resources: list[Resource]) -> None:
    assert not of_kind(resources, "Secret")
    for secret in SECRETS:
        assert all(value.startswith(PLACEHOLDER) for value in secret["stringData"].values())


def test_the_example_of_secrets_cannot_be_deployed_by_mistake() -> None:
    """A cluster refuses it for its label; without the label, services refuse its values."""
    label = re.compile(r"|[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")  # what Kubernetes takes
    values = {key: one for secret in SECRETS for key, one in secret["stringData"].items()}
    for secret in SECRETS:
        (said,) = secret["metadata"]["labels"].values()
        assert not label.fullmatch(said)
    with pytest.raises(SettingError, match="placeholder"):
        open_event_store(values["url"], [])
    with pytest.raises(SettingError, match="placeholder"):
        ApiKeys.from_json(values["api_keys.json"].encode(), origin="api_keys.json")
    with pytest.raises(SettingError, match="placeholder"):
        check_placeholder(values["api_key"], "DOORSTEP_API_KEY")


def allowed(resources: list[Resource], way: str, name: str) -> list[tuple[Resource, Any]]:
    """Peers and ports that the policies of a pod let in (`ingress`) or out (`egress`)."""
    labels = pods(resources)[name]["metadata"]["labels"]
    rules = []
    for policy in of_kind(resources, "NetworkPolicy"):
        if selects(policy["spec"]["podSelector"], labels):
            for rule in policy["spec"].get(way, []):
                peers = rule["from" if way == "ingress" else "to"]
                assert peers, "an empty list of peers would be everybody"
                rules += [(peer, port["port"]) for peer in peers for port in rule["ports"]]
    return rules


def test_nobody_talks_to_anybody_but_as_said(overlay: str, resources: list[Resource]) -> None:
    """Both sides must agree: one lets the connection out, the other lets it in."""
    deny = [one for one in of_kind(resources, "NetworkPolicy") if not one["spec"]["podSelector"]]
    assert any("egress" not in one["spec"] and "ingress" not in one["spec"] for one in deny)
    assert {"Ingress", "Egress"} == set(deny[0]["spec"]["policyTypes"])
    started = pods(resources)

    def meets(way: str, name: str, other: str) -> bool:
        target = other if way == "egress" else name
        ports = {
            key
            for container in started[target]["spec"]["containers"]
            for port in container.get("ports", [])
            for key in (port["name"], port["containerPort"])
        }
        labels = started[other]["metadata"]["labels"]
        return any(
            port in ports
            and peer.keys() == {"podSelector"}
            and selects(peer["podSelector"], labels)
            for peer, port in allowed(resources, way, name)
        )

    talk = {
        (source, target)
        for source in started
        for target in started
        if meets("egress", source, target) and meets("ingress", target, source)
    }
    assert talk == TALK[overlay]


def test_who_may_call_from_outside(resources: list[Resource], overlay: str) -> None:
    outside = {}
    for name in pods(resources):
        peers = [peer for peer, _ in allowed(resources, "ingress", name)]
        spaces = [
            one["namespaceSelector"]["matchLabels"]
            for one in peers
            if len(one) == 1 and "namespaceSelector" in one
        ]
        outside[name] = {key for space in spaces for key in space}
    monitoring = "kubernetes.io/metadata.name"
    assert outside["redis"] == outside["training"] == set()
    assert outside["events"] == {"doorstep-events", monitoring}
    assert outside["eta"] == {"doorstep-estimates", "doorstep-events", monitoring}
    for name in SERVED[overlay] - {"events", "eta"}:
        assert outside[name] == {"doorstep-estimates", monitoring}


def test_composed_service_asks_where_the_services_are() -> None:
    resources = kustomized(DEPLOY / "overlays" / "distributed")
    (config,) = (one for one in resources if identity(one) == ("ConfigMap", "eta"))
    urls = {name: value for name, value in config["data"].items() if name.endswith("_URL")}
    ports = {
        one["metadata"]["name"]: one["spec"]["ports"][0]["port"]
        for one in of_kind(resources, "Service")
    }
    assert {name: f"http://{name}:{ports[name]}" for name in NAMES - {"events", "eta"}} == {
        name.removeprefix("DOORSTEP_").removesuffix("_URL").lower().replace("_", "-"): url
        for name, url in urls.items()
    }
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yaml").read_text())
    assert urls.items() <= compose["services"]["eta"]["environment"].items()


def test_composed_service_holds_its_parts_where_no_address_is_given() -> None:
    resources = kustomized(DEPLOY / "overlays" / "one-process")
    (config,) = (one for one in resources if identity(one) == ("ConfigMap", "eta"))
    assert not config["data"]


def test_settings_are_those_that_services_know(resources: list[Resource]) -> None:
    kinds = [kind for group in GROUPS.values() for kind in group]
    known = {one.declared.variable.name for one in settings_of(kinds)}
    named = {key for one in of_kind(resources, "ConfigMap") for key in one["data"]}
    for pod in pods(resources).values():
        for container in pod["spec"]["containers"]:
            named |= {variable["name"] for variable in container.get("env", [])}
    ours = {name for name in named if name.startswith("DOORSTEP_")}
    assert len(ours) >= 6
    assert ours - known == set()
