"""What ranks and warm starts save in a potential-energy scan.

    python benchmarks/scan.py [RANKS ...]

A scan of N2 (6,6)/STO-3G over 17 distances is run by as many ranks as asked for (default 1 and 2), one thread each,
once with and once without warm starts. Told are wall time, speed-up over the first number of ranks, evaluations, and
the share of the time in which ranks had work: it tells how well the points are shared also on a busy machine, where
wall times alone tell little. Prints a table and writes benchmarks/results/scan.json.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import hybridq as hq
from hybridq.comm import world
from hybridq.loops.scan_points import Solver
from hybridq.loops.scan_problems import Problems

RESULTS = Path(__file__).parent / "results" / "scan.json"
VALUES = [round(1.0 + 0.1 * k, 6) for k in range(17)]


def n2(r: float) -> hq.Problem:
    """The nitrogen molecule at a distance in angstrom."""
    return hq.Problem.from_xyz(f"N 0 0 0; N 0 0 {r}", "sto-3g", active_electrons=6, active_orbitals=6)


def counted(kind: type, name: str, seconds: list[float]) -> None:
    """Add up the seconds that this rank spends in a method."""
    inner = getattr(kind, name)

    def method(self: Any, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return inner(self, *arguments)
        finally:
            seconds[0] += time.perf_counter() - started

    setattr(kind, name, method)


def worker() -> None:
    """What each rank runs: a warm-up, then each kind of scan; rank 0 prints a line of JSON for each."""
    comm, busy = world(), [0.0]
    counted(Problems, "_prepared", busy)
    counted(Solver, "__call__", busy)
    hq.scan(n2, VALUES[:2], comm=comm.split(1), progress=False, backend="sector", max_evaluations=3)
    for start in ("auto", "cold"):
        comm.barrier()
        busy[0], began = 0.0, time.perf_counter()
        curve = hq.scan(n2, VALUES, start=start, progress=False, backend="sector")
        wall = time.perf_counter() - began
        total = float(comm.map(lambda ranks: np.full(len(ranks), busy[0]), np.arange(comm.size)).sum())
        if comm.is_root:
            told = {"ranks": comm.size, "start": start, "wall": wall, "busy": total / comm.size / wall}
            told.update(evaluations=int(curve.evaluations.sum()), load=os.getloadavg()[0], parts=dict(curve.seconds))
            print(json.dumps(told), flush=True)


def main(ranks: list[int]) -> None:
    """Run the workers and print the table."""
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
    if launcher is None:
        sys.exit("no mpiexec: python -m pip install mpi4py mpich")
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    lines: list[dict[str, Any]] = []
    for n in ranks:
        command = [launcher, "-n", str(n), sys.executable, __file__, "--worker"]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
        lines += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    first = {line["start"]: line["wall"] for line in reversed(lines)}
    print(f"{'start':6} {'ranks':>5} {'wall s':>8} {'speed-up':>9} {'busy':>6} {'evaluations':>12} {'load':>6}")
    for line in sorted(lines, key=lambda line: (line["start"], line["ranks"])):
        line["speed_up"] = first[line["start"]] / line["wall"]
        print(
            f"{line['start']:6} {line['ranks']:5d} {line['wall']:8.2f} {line['speed_up']:9.2f} {line['busy']:6.0%} "
            f"{line['evaluations']:12d} {line['load']:6.1f}"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    worker() if "--worker" in sys.argv else main([int(word) for word in sys.argv[1:]] or [1, 2])
