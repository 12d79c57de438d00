"""Draw tables, HTML pages and charts."""

import logging

__all__: list[str] = []

# Matplotlib warns where it cannot keep a cache of fonts. That is slower and does no harm.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
