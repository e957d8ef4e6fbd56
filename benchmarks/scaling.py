"""How much faster a scan and a population are on more ranks, with the sector engine and one thread a rank.

    python -m benchmarks.scaling

A potential-energy curve of N2 and a population of starts and of differential evolution on H8, each long enough that
start-up does not count, by turns on each number of ranks, several times; medians. "inside" is the time that the loop
itself took, "whole" that of the processes, start-up included. "apart" is what the machine gives at best: the same work
twice, in two processes that know nothing of each other, at once. Prints a table, writes
benchmarks/results/scaling.json;
exits 1 where two ranks on two idle cores are less than 1.8 times as fast inside.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import hybridq as hq
from benchmarks import machine
from benchmarks.launching import Life
from hybridq.comm import world

REQUIRED = 1.8


def scan() -> Any:
    """N2/6-31G, 10 electrons in 9 orbitals, 32 points, each from its neighbours."""
    values = np.linspace(0.9, 2.2, 32)
    space = {"active_electrons": 10, "active_orbitals": 9, "symmetry": False}

    def problem(r: float) -> hq.Problem:
        return hq.Problem.from_xyz(f"N 0 0 0; N 0 0 {r}", "6-31g", **space)  # type: ignore[arg-type]

    return lambda: float(hq.scan(problem, values, "uccsd", start="warm", progress=False).energies.sum())


def _chain(length: int) -> tuple[hq.Problem, Any]:
    problem = world().once(lambda: hq.Problem.from_xyz("; ".join(f"H 0 0 {k}" for k in range(length)), "sto-3g"))
    return problem, hq.ansatz("uccsd").build(problem)


def multi_start() -> Any:
    """H10, 48 searches by L-BFGS-B from 48 starts, in lock-step."""
    problem, circuit = _chain(10)
    vqe = hq.VQE(problem, circuit, optimizer="multi-start", optimizer_options={"starts": 48}, progress=False)
    return lambda: float(vqe.run().energy)


def evolution() -> Any:
    """H8, 700 generations of 64 rows by differential evolution."""
    problem, circuit = _chain(8)
    options = {"population": 64, "generations": 700, "radius": 0.2}
    vqe = hq.VQE(problem, circuit, optimizer="DE", optimizer_options=options, progress=False)
    return lambda: float(vqe.run().energy)


WORK = {"scan": scan, "multi-start": multi_start, "DE": evolution}


def on_a_rank(name: str) -> None:
    """One piece of work; rank 0 prints its seconds and what came out."""
    comm = world()
    work = WORK[name]()
    comm.barrier()
    began = time.perf_counter()
    energy = work()
    comm.barrier()
    if comm.is_root:
        print("RESULT " + json.dumps({"inside": time.perf_counter() - began, "bits": energy.hex()}), flush=True)


def launch(name: str, ranks: int) -> dict[str, Any]:
    """One piece of work on so many ranks."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        began = time.perf_counter()
        life = Life(ranks, ["-m", "benchmarks.scaling", "--on-a-rank", name], output)
        life.end(1800.0)
        whole = time.perf_counter() - began
        text = output.read_text()
        if life.process.returncode:
            raise RuntimeError(f"{name} on {ranks} ranks failed:\n{text[-3000:]}")
    found: dict[str, Any] = next(json.loads(line[7:]) for line in text.splitlines() if line.startswith("RESULT "))
    return {"work": name, "ranks": ranks, "whole": whole, **found}


def apart(name: str) -> float:
    """Seconds inside of the same work in two processes at once, the mean of the two."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder) / str(k) for k in range(2)]
        lives = [Life(1, ["-m", "benchmarks.scaling", "--on-a-rank", name], output) for output in outputs]
        for life in lives:
            life.end(1800.0)
        texts = [output.read_text() for output in outputs]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("RESULT ")]
    return statistics.fmean(json.loads(line[7:])["inside"] for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--work", nargs="+", choices=[*WORK], default=[*WORK])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--on-a-rank", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.on_a_rank:
        on_a_rank(options.on_a_rank)
        return 0
    before = machine.about()
    runs: list[dict[str, Any]] = []
    table, met = [], True
    print("work          ranks  inside s  whole s  speed-up inside  whole  two processes apart")
    for name in options.work:
        for _ in range(options.repeats):
            runs += [launch(name, ranks) for ranks in options.ranks]
        here = [r for r in runs if r["work"] == name]
        if len({r["bits"] for r in here}) > 1:
            raise RuntimeError(f"{name}: the energies have other bits on other ranks: {here}")
        alone: dict[str, float] = {}
        pair = statistics.median(apart(name) for _ in range(options.repeats))
        for ranks in options.ranks:
            mine = [r for r in here if r["ranks"] == ranks]
            row = {key: statistics.median(r[key] for r in mine) for key in ("inside", "whole")}
            alone = alone or row
            gain = {f"speed_up_{key}": alone[key] / row[key] for key in row}
            best = 2 * alone["inside"] / pair
            table.append({"work": name, "ranks": ranks, **row, **gain, "apart": best})
            met &= ranks != 2 or gain["speed_up_inside"] >= REQUIRED
            print(
                f"{name:<14}{ranks:>5}{row['inside']:>10.2f}{row['whole']:>9.2f}"
                f"{gain['speed_up_inside']:>17.2f}{gain['speed_up_whole']:>7.2f}{best:>21.2f}",
                flush=True,
            )
    machine.save("scaling", {**before, "load_after": machine.about()["load"], "medians": table, "runs": runs})
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
