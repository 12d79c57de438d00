"""Write the catalog as a page: ``python -m aggregators.catalog.page > docs/catalog.md``."""

from __future__ import annotations

import sys

from aggregators.attributes import attribute_name
from aggregators.catalog import CATALOG
from aggregators.catalog.base import Catalog
from aggregators.features.base import Aggregator
from aggregators.functions import function_name

__all__ = ["catalog_page"]

_HEAD = """\
# The catalog

<!-- Made by `python -m aggregators.catalog.page > docs/catalog.md`; edit the descriptions in
aggregators/catalog instead. -->

{count} features, catalog version {version}. The aggregators' rules hold for each: an event counts
from the moment after it happened, an order never counts itself, missing values are skipped, and
training and inference give the same number.

```python
from aggregators import FeatureSet
from aggregators.catalog import CATALOG, ORDERS, features_for

features = FeatureSet(features_for(ORDERS), name=CATALOG.name, version=CATALOG.version)
print(CATALOG["store_queue_orders"].description)
```

`features_for(source)` gives those features that a source with fewer events and columns supports.
"""


def catalog_page(catalog: Catalog = CATALOG) -> str:
    """Return the catalog as Markdown: one section per dimension, one table per topic.

    >>> catalog_page().splitlines()[0]
    '# The catalog'
    """
    lines = [_HEAD.format(count=len(catalog), version=catalog.version)]
    for dimension, features in catalog.by_dimension().items():
        lines.append(f"## By `{dimension}`\n")
        topics = dict.fromkeys(feature.topic for feature in features)
        for topic in topics:
            lines.append(f"### {topic.capitalize()} (`{dimension}`)\n")
            lines.append("| feature | unit | what it tells | how | owner | version |")
            lines.append("|---|---|---|---|---|---|")
            lines += [_row(feature) for feature in features if feature.topic == topic]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(feature: Aggregator) -> str:
    cells = (
        f"`{feature.name}`",
        feature.unit,
        feature.description,
        _how(feature),
        feature.owner,
        str(feature.version),
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _how(feature: Aggregator) -> str:
    specs = ", ".join(f"{name}={_spec(value)}" for name, value in feature.specs.items())
    what = function_name(feature.function)
    if feature.attribute is not None:
        what += f" of {attribute_name(feature.attribute)}"
    return f"{feature.source.name}: {what}; {specs}"


def _spec(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.stdout.write(catalog_page())
