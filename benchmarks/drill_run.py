"""The run that the drills break: one of a few cases, on a backend that logs every row before it computes it.

    mpiexec -n 2 python -m benchmarks.drill_run CASE H4.FCIDUMP RUN LOG

A line of the log: length of the journal in bytes, digest of the circuit, digest of the row. The length tells which
evaluation the row belongs to, since nothing is appended while an evaluation goes on.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import hybridq as hq
from hybridq.testing.oracle import Oracle

PAUSE = 0.003  # seconds of sleep for each row
GEOMETRY = "; ".join(f"H 0 0 {k}" for k in range(4))

CASES: dict[str, dict[str, Any]] = {
    "SPSA": {
        "circuit": "uccsd",
        "optimizer": "SPSA",
        "optimizer_options": {"iterations": 60, "calibration": 10, "resamplings": 5},
    },
    "COBYLA": {"circuit": "pccd", "optimizer": "COBYLA", "max_iterations": 150},
    "L-BFGS-B": {"circuit": "pccd", "optimizer": "L-BFGS-B"},  # gradients by the shift rule, in rows
    "DE": {"circuit": "uccsd", "optimizer": "DE", "optimizer_options": {"population": 40, "generations": 16}},
    "ADAPT": {"pool": "paired", "optimizer": "L-BFGS-B", "max_operators": 3},
    "sector": {"circuit": "uccsd", "optimizer": "L-BFGS-B", "initial": 0.2, "engine": "sector"},
}


class Logged(hq.LocalBackend):
    """Dense matrices, or the sector engine; each row is logged, then takes a few milliseconds more than it needs.

    Args:
        engine: "dense" gives energies alone, "sector" gradients too.
        journal: of the run.
        log: file that rows are logged to; ranks share it.
    """

    def __init__(self, engine: str, journal: Path, log: Path) -> None:
        super().__init__()
        self._inner = hq.backend("sector", threads=1) if engine == "sector" else None
        self._journal = journal
        self._fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._oracles: dict[str, Oracle] = {}

    @property
    def name(self) -> str:
        """Its name."""
        return "logged"

    @property
    def capabilities(self) -> hq.Capabilities:
        """Energies; gradients where the sector engine computes."""
        drivers: Any = {"energy"} if self._inner is None else {"energy", "gradient"}
        return hq.Capabilities(max_qubits=12, drivers=frozenset(drivers))

    def cost(self, tasks: Sequence[hq.Task]) -> hq.Cost:
        """About what it takes."""
        return hq.Cost(sum(2 * PAUSE * task.n_rows for task in tasks), 1 << 20)

    def run(self, task: hq.Task) -> hq.Result:
        """Log, sleep and compute, row by row."""
        found = []
        for row in task.params:
            mark = hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest()
            line = f"{self._journal.stat().st_size} {task.circuit.digest[:16]} {mark}\n"
            os.write(self._fd, line.encode())
            time.sleep(PAUSE)
            found.append(self._one(hq.Task(task.circuit, row, task.observable, task.driver)))
        parts = {
            name: np.concatenate([getattr(r, name) for r in found])
            for name in ("value", "stderr", "energy", "energy_stderr")
            if getattr(found[0], name) is not None
        }
        return hq.Result(**parts)

    def _one(self, task: hq.Task) -> hq.Result:
        if self._inner is not None:
            return self._inner.submit([task]).result()[0]
        oracle = self._oracles.setdefault(task.circuit.digest, Oracle(task.circuit))
        assert task.observable is not None
        energies = oracle.energies(task.observable, task.params)
        return hq.Result(energies, np.zeros_like(energies))


def loop(case: str, problem: hq.Problem, run: Path, log: Path, **more: Any) -> Any:
    """The loop of a case, ready to run."""
    setting = dict(CASES[case])
    backend = Logged(setting.pop("engine", "dense"), run / "journal.jsonl", log)
    setting.update(backend=backend, run=run, seed=7, **more)
    if "pool" in setting:
        return hq.ADAPT(problem, **setting)
    circuit = hq.ansatz(setting.pop("circuit")).build(problem)
    if "initial" in setting:
        setting["initial"] = np.full(circuit.n_parameters, setting["initial"])
    return hq.VQE(problem, circuit, **setting)


def main(case: str, fcidump: str, run: str, log: str) -> None:
    """One life."""
    # As soon as possible: what is known by then is that the process began.
    Path(log).with_suffix(".began").touch()
    loop(case, hq.Problem.from_fcidump(fcidump), Path(run), Path(log), progress=False).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
