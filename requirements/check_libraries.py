"""Say what to install where LightGBM's shared library misses the OpenMP runtime of the system."""

import sys

try:
    import lightgbm  # noqa: F401
except OSError as error:
    sys.exit(
        f"LightGBM cannot be loaded: {error}\n"
        "It needs the OpenMP runtime. Debian, Ubuntu: sudo apt install libgomp1; "
        "Fedora: sudo dnf install libgomp; macOS: brew install libomp. Then run make again."
    )
