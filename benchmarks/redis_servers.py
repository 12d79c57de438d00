"""Run durable Redis servers on free ports of the loopback interface until a block ends."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["redis_cluster", "redis_server"]

_DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
_WAIT_S = 30.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def redis_server(folder: Path, *more: str) -> Iterator[str]:
    """Run a server as the deployment notes ask for it; give its address, host and port.

    Args:
        folder: has its append-only file.
        more: further options.
    """
    port = _free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *_DURABLE, *more]
    command = ["redis-server", *options, "--loglevel", "warning"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        ends_s = time.monotonic() + _WAIT_S
        while time.monotonic() < ends_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def redis_cluster(folder: Path, nodes: int = 3) -> Iterator[str]:
    """Run a cluster of primaries that share the slots; give the address of one of them."""
    with contextlib.ExitStack() as running:
        addresses = []
        for number in range(nodes):
            own = folder / str(number)
            own.mkdir()
            bus = str(_free_port())
            server = redis_server(own, "--cluster-enabled", "yes", "--cluster-port", bus)
            addresses.append(running.enter_context(server))
        create = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(create, check=True, capture_output=True)
        for address in addresses:
            _wait_for_slots(address.rpartition(":")[2])
        yield addresses[0]


def _wait_for_slots(port: str) -> None:
    ends_s = time.monotonic() + _WAIT_S
    while time.monotonic() < ends_s:
        asked = ["redis-cli", "-p", port, "CLUSTER", "INFO"]
        if b"cluster_state:ok" in subprocess.run(asked, check=True, capture_output=True).stdout:
            return
        time.sleep(0.1)
    raise TimeoutError(f"the cluster does not form within {_WAIT_S} s")
