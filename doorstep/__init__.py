"""Tell how long deliveries take, as they happen: the public names of Doorstep in one place.

The names are those of ``aggregators`` (features), of ``estimators`` (models) and of ``services``
(clients). A package is imported when one of its names is used first, so this import is cheap.

>>> import doorstep
>>> orders = doorstep.Source("orders", sample_id="order_id", events=("dispatched", "ready"))
>>> orders.events
('dispatched', 'ready')
>>> doorstep.EtaClient("http://127.0.0.1:3000").close()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aggregators import *  # noqa: F403
    from estimators import *  # noqa: F403
    from services import *  # noqa: F403

# The cheapest first: a client needs no numpy, a feature no model.
_PACKAGES = ("services", "aggregators", "estimators")

if not TYPE_CHECKING:  # for a type checker, a name that is not there is an error

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return __dir__()
        if not name.startswith("_"):
            for package in map(import_module, _PACKAGES):
                if name in package.__all__:
                    value = globals()[name] = getattr(package, name)
                    return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(name for package in _PACKAGES for name in import_module(package).__all__)
