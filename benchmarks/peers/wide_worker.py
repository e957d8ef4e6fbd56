"""Wide circuits in one engine, in a process that stays alive between calls.

The first line of standard input is a request in JSON: engine, part ("energy" or "gradient"), n (qubits), gates
[name, qubits, number of the angle or -1], n_angles, terms [letters by qubit {q: letter}, coefficient], seed, threads.
The answer is a line with what the first call took and gave. Each further line, a turn's number, is answered by the
seconds of that turn's calls, each at angles of its own, and by the energy of the first of them. What libraries print
goes to standard error.

An engine is a module `wide_NAME` beside this one with `build(asked) -> (energy, gradient, settings)`: functions of a
row of angles (gradient: to energy and slopes; None where the package has none) and words on how it was set.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Energy = Callable[[Array], float]
Gradient = Callable[[Array], tuple[float, Array]]
Built = tuple[Energy, Gradient | None, dict[str, Any]]

ENGINES = {
    "hybridq": ("wide_hybridq", ("numpy", "numba", "cotengra")),
    "hybridq-mps": ("wide_hybridq", ("numpy", "numba")),
    "hybridq-aer": ("wide_hybridq", ("qiskit", "qiskit-aer")),
    "aer": ("wide_aer", ("qiskit", "qiskit-aer")),
    "tensorcircuit": ("wide_tensorcircuit", ("tensorcircuit-ng", "jax", "cotengra", "kahypar")),
    "tensorcircuit-mpo": ("wide_tensorcircuit", ("tensorcircuit-ng", "jax", "cotengra", "kahypar")),
    "quimb": ("wide_quimb", ("quimb", "cotengra", "kahypar")),
    "quimb-mps": ("wide_quimb", ("quimb", "numpy")),
}
TURN_S, TURN_CALLS = 0.2, 20  # a turn ends after these seconds or calls, whichever comes first
SEARCH_S = 30  # for the contraction paths of all terms together, as TensorCircuit-NG's own setting "cotengra"


def angles(asked: dict[str, Any], turn: int, call: int) -> Array:
    """The row of a call, radians, shape (n_angles,); the same for all engines. Turn 0 is the first call."""
    row = np.random.default_rng(asked["seed"]).uniform(-3, 3, asked["n_angles"])
    return np.asarray(row + 0.01 * turn + 0.0001 * call)


def timed(work: Callable[[Array], Any], row: Array) -> tuple[float, Any]:
    """Seconds, and what came back."""
    begin = time.perf_counter()
    found = work(row)
    return time.perf_counter() - begin, found


def answer(asked: dict[str, Any], lines: Any, out: TextIO) -> None:
    """Build, and answer line by line."""
    begin = time.perf_counter()
    module, packages = ENGINES[asked["engine"]]
    energy, gradient, settings = importlib.import_module(f"benchmarks.peers.{module}").build(asked)
    work: Callable[[Array], Any] | None = energy if asked["part"] == "energy" else gradient
    if work is None:
        raise SystemExit(f"{asked['engine']} has no gradient")
    build_s = time.perf_counter() - begin
    first_s, found = timed(work, angles(asked, 0, 0))
    value, slopes = found if asked["part"] == "gradient" else (found, None)
    versions = {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in packages}}
    record = {"build_s": build_s, "first_s": first_s, "energy": value, "versions": versions, "settings": settings}
    if slopes is not None:
        record["gradient"] = np.asarray(slopes).tolist()
    out.write(json.dumps(record) + "\n")
    for line in lines:
        turn = int(line)
        calls: list[float] = []
        value = 0.0
        while len(calls) < TURN_CALLS and sum(calls) < TURN_S:
            seconds, found = timed(work, angles(asked, turn, len(calls)))
            if not calls:
                value = found[0] if asked["part"] == "gradient" else found
            calls.append(seconds)
        out.write(json.dumps({"calls_s": calls, "energy": value}) + "\n")


def main() -> None:
    """Answer one request and its turns."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    asked = json.loads(sys.stdin.readline())
    cores = sorted(os.sched_getaffinity(0))[: asked["threads"]]
    os.sched_setaffinity(0, cores)
    answer(asked, sys.stdin, out)


if __name__ == "__main__":
    main()
