"""Is the backend that "auto" takes the fastest one, and do predictions hold?

    hybridq calibrate && python -m benchmarks.routing

Every workload of benchmarks/workloads.json on every backend that can do it, each pair in a process of its own: seconds
of the first call, of a repeated call (the median of several), and the memory that the process grew by, beside what the
backend predicted. Regret is the chosen backend's time over the fastest one's. Prints a table and writes
benchmarks/results/routing.json; exits 1 where fewer than 90 % of the choices are within 10 % of the fastest, one is
slower by a factor of 2, fewer than 80 % of the predicted times are within a factor of 2, or memory was predicted too
low.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import machine
from benchmarks.workloads import all_of_them, task_of

CLOSE, CLOSE_SHARE, WORST, FACTOR, FACTOR_SHARE = 1.1, 0.9, 2.0, 2.0, 0.8
PREDICTED_LIMIT = 10.0  # seconds of one call above which a backend is not run, unless it was chosen
HOPELESS = 30.0  # times the chosen one's predicted seconds, above which a backend is not run
SLACK = 48 << 20  # bytes: modules and tables that a first call loads, and no prediction counts


def peak() -> int:
    """Bytes that this process held at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def worker(load: dict[str, Any], name: str) -> dict[str, Any]:
    """First and repeated call of one backend."""
    import numpy as np

    import hybridq as hq
    from hybridq.derive import complete, speaking

    small = {"name": "", "problem": "H2", "family": "uccsd", "driver": load["driver"]}
    if not isinstance(load["problem"], str) or load["family"] not in ("uccsd", "k-upccgsd"):
        small = {"name": "", "problem": "ising", "qubits": 4, "family": "hea", "driver": load["driver"]}
    warm, task = task_of(small), task_of(load)
    backend = speaking(hq.backend(name), task.circuit)
    if name != "sector" or small["family"] == "uccsd":
        complete(speaking(backend, warm.circuit), warm)  # modules are loaded before memory counts
    before = peak()
    began = time.perf_counter()
    value = complete(backend, task).value
    first = time.perf_counter() - began
    times: list[float] = []
    rng = np.random.default_rng(1)
    until = time.perf_counter() + min(3.0, max(0.3, 3 * first))
    while len(times) < 3 or (time.perf_counter() < until and len(times) < 200):
        row = task.params + 0.01 * rng.normal(size=task.params.shape)
        moved = hq.Task(task.circuit, row, task.observable, task.driver)
        began = time.perf_counter()
        complete(backend, moved)
        times.append(time.perf_counter() - began)
        if len(times) >= 3 and times[-1] > 5.0:
            break
    grown = max(0, peak() - before)
    return {"first": first, "again": statistics.median(times), "grown": grown, "value": np.ravel(value)[:3].tolist()}


def launch(load: dict[str, Any], name: str, limit: float) -> dict[str, Any]:
    """A worker in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.routing", "--worker", json.dumps(load), name]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {limit:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(lines[-1][7:]) if lines else {"failed": done.stderr.strip().splitlines()[-1:]}


def measured(load: dict[str, Any], limit: float) -> dict[str, Any]:
    """A workload on all its candidates."""
    from hybridq.planning import plan

    task = task_of(load)
    made = plan(task)
    chosen = made.chosen
    rows = []
    for candidate in made.candidates:
        if candidate.cost is None:
            continue
        row: dict[str, Any] = {
            "backend": candidate.name,
            "predicted": candidate.cost.seconds,
            "predicted_bytes": candidate.cost.bytes,
        }
        most = min(PREDICTED_LIMIT, HOPELESS * made.candidates[0].cost.seconds) if made.candidates[0].cost else 0.0
        if candidate.cost.seconds <= most or candidate.name == chosen:
            row.update(launch(load, candidate.name, limit))
        else:
            row["failed"] = f"predicted to take {candidate.cost.seconds:.2g} s, and not run"
        rows.append(row)
    done = [row for row in rows if "again" in row]
    fastest = min(done, key=lambda row: row["again"], default=None)
    mine = next((row for row in done if row["backend"] == chosen), None)
    regret = None if mine is None or fastest is None else mine["again"] / fastest["again"]
    best = None if fastest is None else fastest["backend"]
    return {"name": load["name"], "chosen": chosen, "fastest": best, "regret": regret, "rows": rows}


def judged(cases: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """Shares and extremes, and whether they are good enough."""
    regrets = [case["regret"] for case in cases if case["regret"] is not None]
    runs = [row for case in cases for row in case["rows"] if "again" in row]
    ratios = [row["predicted"] / row["again"] for row in runs]
    low = [row for row in runs if row["predicted_bytes"] + SLACK < row["grown"]]
    found = {
        "workloads": len(cases),
        "without_a_choice_that_ran": sum(case["regret"] is None for case in cases),
        "within_10_percent": sum(r <= CLOSE for r in regrets) / max(1, len(regrets)),
        "worst_regret": max(regrets, default=0.0),
        "mean_regret": statistics.fmean(regrets) if regrets else 0.0,
        "runs": len(runs),
        "seconds_within_a_factor_of_2": sum(1 / FACTOR <= r <= FACTOR for r in ratios) / max(1, len(ratios)),
        "memory_predicted_too_low": len(low),
    }
    good = found["within_10_percent"] >= CLOSE_SHARE and found["worst_regret"] < WORST and not low
    return found, good and found["seconds_within_a_factor_of_2"] >= FACTOR_SHARE


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--worker", nargs=2, metavar=("WORKLOAD", "BACKEND"), help=argparse.SUPPRESS)
    parser.add_argument("--only", help="workloads whose name holds this text")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one pair")
    options = parser.parse_args()
    if options.worker:
        print("RESULT " + json.dumps(worker(json.loads(options.worker[0]), options.worker[1])))
        return 0
    before = machine.about()
    cases = []
    print(f"{'workload':<36}{'chosen':<26}{'fastest':<26}{'regret':>7}   predicted/measured s")
    for load in all_of_them():
        if options.only and options.only not in load["name"]:
            continue
        case = measured(load, options.limit)
        cases.append(case)
        times = ", ".join(
            f"{row['backend'].rpartition(':')[2]} {row['predicted']:.2g}/{row['again']:.2g}" if "again" in row
            else f"{row['backend'].rpartition(':')[2]} {row['predicted']:.2g}/-" for row in case["rows"]
        )  # fmt: skip
        regret = "-" if case["regret"] is None else f"{case['regret']:.2f}"
        print(f"{case['name']:<36}{case['chosen']!s:<26}{case['fastest']!s:<26}{regret:>7}   {times}", flush=True)
    found, good = judged(cases)
    for key, value in found.items():
        print(f"{key.replace('_', ' ')}: {value:.3g}")
    if not options.only:
        machine.save("routing", {**before, "load_after": machine.about()["load"], "judged": found, "cases": cases})
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
