"""The catalog's definitions as a file: a changed definition needs a new version.

    python -m tests.aggregators.catalog.definitions

writes the file anew; it refuses while a changed definition has no new version.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aggregators.catalog import CATALOG, Catalog

PATH = Path(__file__).parent / "definitions.json"

Definitions = dict[str, Any]


def definitions_of(catalog: Catalog) -> Definitions:
    """The catalog's version, and each feature's version and fingerprint."""
    return {
        "version": catalog.version,
        "features": {
            feature.name: {"version": feature.version, "fingerprint": feature.fingerprint}
            for feature in catalog
        },
    }


def stored_definitions() -> Definitions:
    """What the file holds."""
    stored: Definitions = json.loads(PATH.read_text(encoding="utf-8"))
    return stored


def lacking_versions(old: Definitions, new: Definitions) -> list[str]:
    """What has changed from old to new without the version that says so."""
    before, after = old["features"], new["features"]
    changed = [
        name
        for name in before.keys() & after.keys()
        if before[name]["fingerprint"] != after[name]["fingerprint"]
    ]
    problems = [
        f"{name} has another definition and needs a version above {before[name]['version']}"
        for name in sorted(changed)
        if after[name]["version"] <= before[name]["version"]
    ]
    major_old, minor_old, _ = map(int, old["version"].split("."))
    major_new, minor_new, _ = map(int, new["version"].split("."))
    if (changed or before.keys() - after.keys()) and major_new <= major_old:
        problems.append(f"features changed or went: the catalog needs version {major_old + 1}.0.0")
    elif after.keys() - before.keys() and (major_new, minor_new) <= (major_old, minor_old):
        problems.append(f"features came: the catalog needs version {major_old}.{minor_old + 1}.0")
    return problems


def main() -> None:
    """Write the file, unless a version is lacking."""
    new = definitions_of(CATALOG)
    if PATH.exists() and (problems := lacking_versions(stored_definitions(), new)):
        sys.exit("\n".join(problems))
    PATH.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
