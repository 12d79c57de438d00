"""What a library's worker has to say: `Peer`, and the loop that times it on command."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, npt.NDArray[Any]]

FEATURES = ("last_20_mean", "open_count", "trailing_hour_mean")
"""Each is also measured together with the other two, under the name `ALL`."""

ALL = "all_three"


class Peer(Protocol):
    """A library under measurement.

    `from_columns` makes the table that a user of the library starts from (not timed). `whole` goes
    from that table to float64 values in the order of its rows (timed), for one feature or for all
    three in one call: a tuple of three arrays.
    """

    version: str

    def from_columns(self, columns: Columns) -> None: ...
    def whole(self, feature: str) -> Floats | tuple[Floats, ...]: ...


class IndexedPeer(Peer, Protocol):
    """A library with a sorted or indexed form of its input that can be made beforehand.

    `index` makes it (timed apart) and `core` computes from it to the library's own form of output:
    what is left of the work once many features share one input, and nobody needs the rows' order.
    """

    def index(self) -> None: ...
    def core(self, feature: str) -> object: ...


def serve(peer: Peer | IndexedPeer) -> None:
    """Answer the commands on standard input, one JSON line each, until it closes."""
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(_answer(peer, command)), flush=True)


def _answer(peer: Any, command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "load":
        with np.load(command["path"]) as file:
            peer.from_columns({name: file[name] for name in file.files})
        return {"version": peer.version, "indexed": hasattr(peer, "index")}
    if command["do"] == "save":
        values = np.asarray(peer.whole(command["feature"]), dtype=np.float64)
        np.save(command["path"], values)
        return {}
    arguments = () if command["do"] == "index" else (command["feature"],)
    call = getattr(peer, command["do"])
    wall, processor = time.perf_counter(), time.process_time()
    call(*arguments)
    return {
        "wall_s": time.perf_counter() - wall,
        "processor_s": time.process_time() - processor,
    }
