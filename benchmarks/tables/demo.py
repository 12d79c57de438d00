"""Tables of the demo's evenings."""

from benchmarks.demo_seeds import table
from benchmarks.tables.markdown import Result, origin


def demo_seeds(result: Result) -> str:
    """Ranges of the composed ETA by stage, and waits of couriers and food."""
    settings, found = result["settings"], result["pooled"]
    return "\n".join(
        [
            "### Evenings of the demo",
            "",
            f"{found['evenings']} evenings of `doorstep demo` (seeds {settings['seeds']}), each a"
            f" city of its own with {settings['days']} days of {settings['orders_per_day']:,}"
            " orders for training, served and asked over HTTP. ± is the standard error by evening."
            " Ranges are of the composed ETA, after each event of an order; the CRPS is that of the"
            " nine deciles. Couriers: orders placed in the first 45 minutes, each replayed with"
            f" Doorstep's choice and with the nearest free courier. {origin(result)}",
            "",
            table(found),
            "",
        ]
    )
