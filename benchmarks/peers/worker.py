"""The frame of every worker: load a problem, build it in the peer, time the calls, print one JSON line.

A worker module defines ``load()``, which imports the peer, and ``build(problem, engine)``, which returns a
function from a row of parameters, shape (m,), to the energy (hartree) and the gradient (m,).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.problem import Problem

Evaluate = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]

SHORT_CALLS_S = 1.0  # calls are repeated beyond --repeats until this much time has been measured
MOST_CALLS = 200


def main(load: Callable[[str], None], build: Callable[[Problem, str], Evaluate], packages: Sequence[str]) -> None:
    """Run as a command; `packages` are the distributions whose versions are recorded."""
    begin = time.perf_counter()
    parser = argparse.ArgumentParser()
    parser.add_argument("problem", type=Path)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds; no call is begun that would pass it")
    parser.add_argument("--vqe", action="store_true", help="optimize instead of timing calls")
    parser.add_argument("--gtol", type=float, default=1e-5, help="gradient at which --vqe stops, hartree")
    arguments = parser.parse_args()

    pin(arguments.threads)
    problem = Problem.load(arguments.problem)
    started = time.perf_counter()
    load(arguments.engine)
    imported = time.perf_counter()
    after_import = peak_bytes()
    evaluate = build(problem, arguments.engine)
    built = time.perf_counter()
    record: dict[str, Any] = {
        "import_s": imported - started,
        "build_s": built - imported,
        "import_bytes": after_import,
        "versions": {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in packages}},
    }
    if arguments.vqe:
        record |= optimize(evaluate, problem.start, arguments.gtol)
    else:
        record |= repeat(evaluate, problem.row, arguments.repeats, begin + 0.9 * arguments.limit)
    record["peak_bytes"] = peak_bytes()
    # Some peers print on standard output; the record is the last line.
    sys.stdout.write("\n" + json.dumps(record) + "\n")


def repeat(evaluate: Evaluate, row: NDArray[np.float64], repeats: int, until: float) -> dict[str, Any]:
    """Time a first call at `row` and then calls at rows that differ each time, so that no peer can remember."""
    begin = time.perf_counter()
    energy, gradient = evaluate(row)
    first = time.perf_counter() - begin
    calls: list[float] = []
    while len(calls) < repeats or (sum(calls) < SHORT_CALLS_S and len(calls) < MOST_CALLS):
        expected = max(calls) if calls else first
        if time.perf_counter() + expected > until:
            break
        moved = row * (1 + 1e-4 * (len(calls) + 1))
        begin = time.perf_counter()
        evaluate(moved)
        calls.append(time.perf_counter() - begin)
    return {"energy": float(energy), "gradient": np.asarray(gradient).tolist(), "first_s": first, "calls_s": calls}


def optimize(evaluate: Evaluate, start: NDArray[np.float64], gtol: float) -> dict[str, Any]:
    """SciPy's L-BFGS-B from `start`, until no gradient component exceeds `gtol`."""
    import scipy.optimize

    minimize: Any = scipy.optimize.minimize
    begin = time.perf_counter()
    options = {"gtol": gtol, "ftol": 1e-14, "maxiter": 1000, "maxfun": 10_000}
    result = minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options)
    return {
        "energy": float(result.fun),
        "evaluations": int(result.nfev),
        "largest_gradient": float(np.abs(result.jac).max()),
        "message": str(result.message),
        "optimize_s": time.perf_counter() - begin,
    }


def pin(threads: int) -> None:
    """Keep the process on as many cores as it may use threads (thread pools of all kinds follow)."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-threads:])


def peak_bytes() -> int:
    """Highest resident memory of this process so far, bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss would also count the parent's memory at the fork.
        line = next(text for text in status.read_text().splitlines() if text.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
