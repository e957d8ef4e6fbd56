"""What recording a run costs, and what reading it back does.

    python -m benchmarks.journal_cost

A real VQE in a run folder on this disk, its evaluations 5 ms each that answer with an energy and a gradient of 117 or
500 parameters (L-BFGS-B on a surface that keeps it going): 5 ms of matrix products, as an engine computes, or of sleep,
as one waits for a device or an accelerator; a processor that has slept runs the same code several times slower. Share
of the wall time that went into the journal, by the run's own clock and by the difference to the same run without a
folder; then the time of a replay. Prints a table and writes benchmarks/results/journal_cost.json; exits 1 where the
journal takes 1 % or more of a run that computes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import hybridq as hq
from benchmarks import machine
from hybridq.contract.circuit import product
from hybridq.journal import read_journal

SECONDS = 0.005
MOST = 0.01


class Valley(hq.LocalBackend):
    """Spends its time, then gives Rosenbrock's valley in many dimensions, doi:10.1093/comjnl/3.3.175."""

    def __init__(self, computes: bool) -> None:
        super().__init__()
        self._matrix = np.random.default_rng(1).normal(size=(150, 150)) if computes else None

    @property
    def name(self) -> str:
        """Its name."""
        return "valley"

    @property
    def capabilities(self) -> hq.Capabilities:
        """Energies and gradients."""
        return hq.Capabilities(max_qubits=100, drivers=frozenset({"energy", "gradient"}))

    def cost(self, tasks: Sequence[hq.Task]) -> hq.Cost:
        """As long as it sleeps."""
        return hq.Cost(SECONDS * sum(task.n_rows for task in tasks), 0)

    def run(self, task: hq.Task) -> hq.Result:
        """Sleep, then answer."""
        from scipy.optimize import rosen, rosen_der

        self._spend(SECONDS * task.n_rows)
        energies = np.array([rosen(row) for row in task.params])
        if task.driver == "energy":
            return hq.Result(energies, np.zeros_like(energies))
        gradients = np.array([rosen_der(row) for row in task.params])
        return hq.Result(gradients, np.zeros_like(gradients), energies, np.zeros_like(energies))

    def _spend(self, seconds: float) -> None:
        if self._matrix is None:
            time.sleep(seconds)
            return
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            self._matrix @ self._matrix


def circuit_of(n_parameters: int) -> tuple[hq.Problem, Any]:
    """A problem that needs no chemistry, and a circuit with so many parameters."""
    made = hq.Problem.from_integrals(np.diag(np.arange(12.0)), np.zeros((12,) * 4), 12, 0.0)
    problem = replace(made, known={"ccsd": 0.0, "casci": 0.0})  # or the end of the run would compute them
    full = hq.ansatz("uccsd", point_group=False).build(problem)
    generators = [factor.generator for factor in full.factors][:n_parameters]
    return problem, product(12, (6, 6), generators, name=f"{n_parameters} parameters")


def measure(n_parameters: int, evaluations: int, computes: bool) -> dict[str, Any]:
    """One run with a folder, the same without, and the replay of the first."""
    problem, circuit = circuit_of(n_parameters)
    start = np.random.default_rng(2).normal(size=n_parameters)
    setting: dict[str, Any] = {"optimizer": "L-BFGS-B", "initial": start, "progress": False}
    setting.update(
        backend=Valley(computes), energy_tolerance=1e-300, gradient_tolerance=1e-300, max_evaluations=evaluations
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        plain = _walk(hq.VQE(problem, circuit, **setting))
        recorded = _walk(hq.VQE(problem, circuit, run=run, **setting))
        size = (run / "journal.jsonl").stat().st_size
        began = time.perf_counter()
        journal = read_journal(run / "journal.jsonl")
        reading = time.perf_counter() - began
        assert journal is not None
        began = time.perf_counter()
        again = hq.VQE(problem, circuit, run=run, **setting)
        steps = sum(1 for _ in again.steps())
        whole = time.perf_counter() - began
        assert again.result is not None
        evaluations = int(recorded["evaluations"])  # fewer, where the valley ends sooner
        assert again.result.replayed == evaluations
        assert steps > 0
        ends = again.result.seconds
    return {
        "parameters": n_parameters,
        "computes": computes,
        "evaluations": evaluations,
        "seconds": recorded["seconds"],
        "journal_seconds": recorded["journal"],
        "share": recorded["journal"] / recorded["seconds"],
        "milliseconds_per_evaluation": 1e3 * recorded["journal"] / evaluations,
        "difference_to_no_folder": (recorded["seconds"] - plain["seconds"]) / plain["seconds"],
        "bytes_per_evaluation": size / evaluations,
        "reading_ms_per_1000": 1e6 * reading / evaluations,
        "replay_ms_per_1000": 1e6 * ends["optimizer"] / evaluations,
        "life_that_only_replays_seconds": whole,
    }


def _walk(vqe: hq.VQE) -> dict[str, float]:
    """Seconds from the first step to the last, and what the journal took of the whole run."""
    times = [time.perf_counter() for _ in vqe.steps()]
    assert vqe.result is not None
    seconds = vqe.result.seconds
    return {
        "seconds": times[-1] - times[0],
        "journal": seconds.get("journal", 0.0),
        "evaluations": vqe.result.evaluations,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--evaluations", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = []
    print(
        "parameters  5 ms of  evaluations  seconds  journal s   share  against no folder  ms/eval  bytes  read/1000 ms"
    )
    for n, computes in ((117, True), (500, True), (117, False), (500, False)):
        runs = [measure(n, options.evaluations, computes) for _ in range(options.repeats)]
        row = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
        rows.append({**row, "shares": [r["share"] for r in runs]})
        print(
            f"{n:>10}{'products' if computes else 'sleep':>9}{row['evaluations']:>13}{row['seconds']:>9.2f}"
            f"{row['journal_seconds']:>11.4f}{row['share']:>8.2%}"
            f"{row['difference_to_no_folder']:>19.2%}{row['milliseconds_per_evaluation']:>9.3f}"
            f"{row['bytes_per_evaluation']:>7.0f}{row['reading_ms_per_1000']:>14.1f}"
        )
        print(f"           a life that only replays: {row['life_that_only_replays_seconds']:.2f} s in all")
    machine.save("journal_cost", {**machine.about(), "cases": rows})
    return int(any(row["share"] >= MOST for row in rows if row["computes"]))


if __name__ == "__main__":
    sys.exit(main())
