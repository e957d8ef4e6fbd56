"""Few wide iterations against many narrow ones: the linear method and Newton's beside L-BFGS.

    python -m benchmarks.wide

For each case and optimizer: rounds (how often the optimizer waits for values), rows, columns of the metric, and wall
time on 1 and 2 ranks with the sector engine as it is, then on 16 ranks with a sleep for each energy and gradient and
each column, in the proportion that the engine itself takes for them, so that ranks may outnumber cores; beside it the
sum of these sleeps, which is what one rank would take. Prints a table and writes benchmarks/results/wide.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import hybridq as hq
from benchmarks import machine
from benchmarks.launching import Life
from hybridq.comm import world

GRADIENT_SECONDS = 0.02  # of sleep for one energy with its gradient


def _chain(n: int, gap: float) -> str:
    return "; ".join(f"H 0 0 {gap * k}" for k in range(n))


CASES: dict[str, dict[str, Any]] = {
    "H6, 1.0 A, 1-UpCCGSD": {"atom": _chain(6, 1.0), "ansatz": ("k-upccgsd", {"k": 1})},
    "H6, 1.0 A, 2-UpCCGSD": {"atom": _chain(6, 1.0), "ansatz": ("k-upccgsd", {"k": 2})},
    "H6, 2.0 A, UCCSD": {"atom": _chain(6, 2.0), "ansatz": ("uccsd", {})},
    "N2, 2.0 A, UCCSD": {"atom": "N 0 0 0; N 0 0 2.0", "active": (6, 6), "ansatz": ("uccsd", {})},
    "N2, 1.1 A, UCCSD": {"atom": "N 0 0 0; N 0 0 1.1", "active": (6, 6), "ansatz": ("uccsd", {})},
    "H2O, UCCSD": {"atom": "O 0 0 0; H 0 0.7572 0.5865; H 0 -0.7572 0.5865", "ansatz": ("uccsd", {})},
}
OPTIMIZERS = ("L-BFGS-B", "linear-method", "newton")


class Counting(hq.LocalBackend):
    """The sector engine, with a sleep for each energy and gradient and for each column where asked for.

    Args:
        gradient, column: seconds of sleep for one of each; 0 leaves the engine as it is.
    """

    def __init__(self, gradient: float, column: float) -> None:
        super().__init__()
        self.inner = hq.backend("sector", threads=1)
        self.gradient, self.column = gradient, column

    @property
    def name(self) -> str:
        """Its name."""
        return "counting"

    @property
    def capabilities(self) -> hq.Capabilities:
        """The engine's."""
        return self.inner.capabilities

    def cost(self, tasks: Sequence[hq.Task]) -> hq.Cost:
        """The engine's."""
        return self.inner.cost(tasks)

    def run(self, task: hq.Task) -> hq.Result:
        """Sleep, then compute."""
        each = self.column * len(task.metric_columns) if task.driver == "metric" else self.gradient
        if each:
            time.sleep(each * task.n_rows)
        return self.inner.submit([task]).result()[0]


def problem_of(case: str) -> hq.Problem:
    """The problem of a case; its references are left out."""
    told = CASES[case]
    space = dict(zip(("active_electrons", "active_orbitals"), told["active"], strict=True)) if "active" in told else {}
    return hq.Problem.from_xyz(told["atom"], "sto-3g", **space)


def ratio(problem: hq.Problem, circuit: Any) -> float:
    """How much of the time of an energy and gradient a column of the metric takes, by the engine's own measure."""
    engine = hq.backend("sector", threads=1)
    row = circuit.start + 0.01
    columns = tuple(range(min(8, circuit.n_parameters)))
    gradient = hq.Task(circuit, row, problem.hamiltonian, "gradient")
    metric = hq.Task(circuit, row, problem.hamiltonian, "metric", columns=columns)
    times = {}
    for name, task in (("gradient", gradient), ("metric", metric)):
        engine.submit([task])
        seen = []
        for _ in range(7):
            began = time.perf_counter()
            engine.submit([task])
            seen.append(time.perf_counter() - began)
        times[name] = float(np.median(seen))
    return times["metric"] / len(columns) / times["gradient"]


def on_a_rank(jobs: Sequence[tuple[str, str, bool]], repeats: int) -> None:
    """All jobs (case, optimizer, whether to sleep), one after the other; rank 0 prints a line of JSON for each."""
    comm = world()
    for case, name, sleeping in jobs:
        problem = comm.once(lambda case=case: problem_of(case))  # type: ignore[misc]
        word, options = CASES[case]["ansatz"]
        circuit = hq.ansatz(word, **options).build(problem)
        share = comm.once(lambda p=problem, c=circuit: ratio(p, c))  # type: ignore[misc]
        backend = Counting(GRADIENT_SECONDS, share * GRADIENT_SECONDS) if sleeping else Counting(0.0, 0.0)
        for driver in ("gradient", "metric"):  # tables are made before the clock starts
            backend.inner.submit([hq.Task(circuit, circuit.start, problem.hamiltonian, driver)])
        seconds = []
        for _ in range(1 if sleeping else repeats):
            with tempfile.TemporaryDirectory() as folder:
                run = Path(comm.agree(folder)) / "run"
                vqe = hq.VQE(problem, circuit, backend=backend, optimizer=name, progress=False, run=run)
                comm.barrier()
                began = time.perf_counter()
                steps = [time.perf_counter() - began for _ in vqe.steps()]
                seconds.append(steps[-1])
                records = recorded(run) if comm.is_root else []
        assert vqe.result is not None
        metrics = [r for r in records if r["driver"] == "metric"]
        if comm.is_root:
            found = {
                "case": case,
                "optimizer": name,
                "sleeping": sleeping,
                "ranks": comm.size,
                "parameters": circuit.n_parameters,
                "energy": vqe.result.energy,
                "converged": vqe.result.converged,
                "rounds": len(records),
                "rows": sum(len(r["rows"]) for r in records),
                "columns": len(metrics) * circuit.n_parameters,
                "column_over_gradient": round(share, 3),
                "seconds": float(np.median(seconds)),
            }
            print("RESULT " + json.dumps(found), flush=True)


def recorded(run: Path) -> list[Any]:
    """The evaluations of a run."""
    from hybridq.journal import read_journal

    journal = read_journal(run / "journal.jsonl")
    assert journal is not None
    return [*journal.of_kind("evaluation")]


def launch(ranks: int, jobs: Sequence[tuple[str, str, bool]], repeats: int) -> list[dict[str, Any]]:
    """All jobs on so many ranks."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        words = ["-m", "benchmarks.wide", "--on-a-rank", json.dumps(jobs), "--repeats", str(repeats)]
        life = Life(ranks, words, output)
        life.end(1800.0)
        text = output.read_text()
        if life.process.returncode:
            raise RuntimeError(f"{ranks} ranks failed:\n{text[-3000:]}")
    return [json.loads(line[7:]) for line in text.splitlines() if line.startswith("RESULT ")]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=[*CASES], default=[*CASES])
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median counts, without sleeps")
    parser.add_argument("--on-a-rank", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.on_a_rank:
        on_a_rank(json.loads(options.on_a_rank), options.repeats)
        return 0
    before = machine.about()
    pairs = [(case, name) for case in options.cases for name in OPTIMIZERS]
    found: list[dict[str, Any]] = []
    for ranks, sleeping in ((1, False), (2, False), (16, True)):
        found += launch(ranks, [(case, name, sleeping) for case, name in pairs], options.repeats)
    print(
        f"{'case':<24}{'optimizer':<15}params rounds  rows columns   above best  s, 1 rank  2 ranks | slept: 1     16"
    )
    for case, name in pairs:
        here = [r for r in found if (r["case"], r["optimizer"]) == (case, name)]
        best = min(r["energy"] for r in found if r["case"] == case)
        r = here[0]
        alone = GRADIENT_SECONDS * (r["rows"] + here[-1]["column_over_gradient"] * r["columns"])
        times = f"{here[0]['seconds']:>11.3f}{here[1]['seconds']:>10.3f}{alone:>14.2f}{here[2]['seconds']:>10.2f}"
        print(
            f"{case:<24}{name:<15}{r['parameters']:>6}{r['rounds']:>7}{r['rows']:>6}{r['columns']:>8}"
            f"{r['energy'] - best:>13.1e}{times}"
        )
    machine.save("wide", {**before, "gradient_seconds_slept": GRADIENT_SECONDS, "runs": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
