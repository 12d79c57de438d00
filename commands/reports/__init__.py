"""Draw tables, HTML pages and charts."""

import logging

# Matplotlib warns where it cannot keep a cache of fonts. That is slower and does no harm.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
