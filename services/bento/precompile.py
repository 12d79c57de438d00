"""Compile a service's kernels before it serves: ``python -m services.bento.precompile TARGET``.

An image is built once and started often. If its build runs this module with ``NUMBA_CACHE_DIR`` in
the image, processes on the same kind of processor load the compiled kernels: they start in seconds
and need no memory for the compiler. On other processors they compile.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

__all__ = ["main"]


async def _started_and_ended(target: str) -> None:
    import bentoml

    service: Any = bentoml.load(target)
    messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    await messages.put({"type": "lifespan.startup"})

    async def send(message: dict[str, str]) -> None:
        if message["type"] == "lifespan.startup.complete":
            instance: Any = bentoml.get_current_service()
            await asyncio.to_thread(instance.start.wait)
            await messages.put({"type": "lifespan.shutdown"})
        elif message["type"].endswith(".failed"):
            raise RuntimeError(f"{target} cannot start: {message.get('message', '')}")

    await service.to_asgi()({"type": "lifespan", "asgi": {"version": "3.0"}}, messages.get, send)


def main(arguments: Sequence[str]) -> None:
    """Start a service as a server would, without listening, and end it.

    Args:
        arguments: the service's import path, or the folder of its bento.
    """
    (target,) = arguments
    with tempfile.TemporaryDirectory() as folder:
        # Before BentoML is imported; a store in memory leaves nothing behind.
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        os.environ["DOORSTEP_STORE"] = "memory"
        asyncio.run(_started_and_ended(target))


if __name__ == "__main__":
    main(sys.argv[1:])
