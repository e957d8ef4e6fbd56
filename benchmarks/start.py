"""How long hybridq takes to start, and what its interface adds to an evaluation.

    python benchmarks/start.py

Medians over fresh processes; writes benchmarks/results/start.json.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import hybridq as hq
from hybridq_sector.backend import SectorBackend

RESULTS = Path(__file__).parent / "results" / "start.json"
FIRST = """
import time, numpy as np, hybridq as hq
p = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g", symmetry=False)
c = hq.ansatz("uccsd").build(p)
t = hq.Task(c, c.start, p.hamiltonian, "gradient")
b = hq.backend("sector", threads=1)
began = time.perf_counter(); b.submit([t]); print(time.perf_counter() - began)
"""


def wall(command: list[str], repeats: int = 9) -> float:
    """Median seconds of a process."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def first_call(cache: str | None) -> float:
    """Seconds of the first energy and gradient of H4 in a new process."""
    env = dict(os.environ) if cache is None else {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run([sys.executable, "-c", FIRST], check=True, capture_output=True, text=True, env=env)
    return float(done.stdout)


def overhead() -> float:
    """Seconds that tasks, results and checks add to one energy and gradient of H4."""
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g", symmetry=False)
    circuit = hq.ansatz("uccsd").build(problem)
    backend = SectorBackend(threads=1)
    row = np.full(circuit.n_parameters, 0.05)
    whole, inner = [], []
    backend.submit([hq.Task(circuit, row, problem.hamiltonian, "gradient")])
    engine = backend._engine(circuit, problem.hamiltonian)
    for _ in range(2000):
        began = time.perf_counter()
        backend.submit([hq.Task(circuit, row, problem.hamiltonian, "gradient")]).result()
        middle = time.perf_counter()
        engine.energy_and_gradient(row)
        whole.append(middle - began)
        inner.append(time.perf_counter() - middle)
    return statistics.median(whole) - statistics.median(inner)


def main() -> None:
    python = sys.executable
    with tempfile.TemporaryDirectory() as empty:
        compiling = first_call(empty)
    loading = statistics.median(first_call(None) for _ in range(5))
    found = {
        "python, nothing imported, seconds": wall([python, "-c", "pass"]),
        "import hybridq, whole process, seconds": wall([python, "-c", "import hybridq"]),
        "hybridq --help, whole process, seconds": wall([python, "-m", "hybridq", "--help"]),
        "first energy and gradient of H4, kernels on disk, seconds": loading,
        "first energy and gradient of H4, kernels compiled, seconds": compiling,
        "added by the interface to one evaluation, seconds": overhead(),
    }
    for name, value in found.items():
        print(f"{name:<62} {value:.6f}")
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
