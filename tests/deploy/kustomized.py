"""What `kubectl apply -k` would apply, for the few things that the overlays here make use of.

Everything else is refused: what these tests do not understand, they must not call right.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Resource: TypeAlias = dict[str, Any]

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
OVERLAYS = ("one-process", "distributed")
CLUSTER_WIDE = {"Namespace"}

_FIELDS = {"apiVersion", "kind", "namespace", "resources", "patches", "images"}


def documents(path: Path) -> list[Resource]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def kustomized(folder: Path) -> list[Resource]:
    """The resources of a folder with a kustomization.yaml, patched, named and pinned."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    assert kustomization["kind"] == "Kustomization"
    assert kustomization.keys() <= _FIELDS, f"{folder}: {sorted(kustomization.keys() - _FIELDS)}"
    resources: list[Resource] = []
    for name in kustomization["resources"]:
        path = folder / name
        resources += kustomized(path) if path.is_dir() else documents(path)
    for entry in kustomization.get("patches", []):
        assert entry.keys() == {"path"}
        for patch in documents(folder / entry["path"]):
            (target,) = (one for one in resources if identity(one) == identity(patch))
            _merge(target, patch)
    for resource in resources:
        if "namespace" in kustomization and resource["kind"] not in CLUSTER_WIDE:
            resource["metadata"]["namespace"] = kustomization["namespace"]
        for container in containers(resource):
            _pin(container, kustomization.get("images", []))
    return resources


def identity(resource: Resource) -> tuple[str, str]:
    return resource["kind"], resource["metadata"]["name"]


def of_kind(resources: list[Resource], *kinds: str) -> list[Resource]:
    return [one for one in resources if one["kind"] in kinds]


def pod_of(resource: Resource) -> Resource | None:
    """The pod that a resource starts: its metadata and spec."""
    spec = resource.get("spec", {})
    if resource["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Resource | None = spec.get("template")
    return template


def pods(resources: list[Resource]) -> dict[str, Resource]:
    """Pods by the name of what starts them."""
    return {one["metadata"]["name"]: pod for one in resources if (pod := pod_of(one)) is not None}


def containers(resource: Resource) -> list[Resource]:
    pod = pod_of(resource)
    if pod is None:
        return []
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    """Whether a label selector, as Kubernetes defines it, takes these labels."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def _merge(target: Resource, patch: Resource) -> None:
    for key, value in patch.items():
        assert not isinstance(value, list), "how lists are merged depends on what is in them"
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


def _pin(container: Resource, images: list[dict[str, str]]) -> None:
    name, _, tag = container["image"].partition(":")
    for image in images:
        if image["name"] == name:
            container["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"
