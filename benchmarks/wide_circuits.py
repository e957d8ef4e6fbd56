"""Energies and gradients of wide circuits beside other tensor-network packages, in one run.

    python -m benchmarks.wide_circuits [--quick] [--cases 40-linear-4 ...] [--limit 60] [--threads 2] [--output FILE]

Hardware-efficient circuits of RY, RZ and CX; a Z in the middle, and a sum of 20 strings (ten ZZ of neighbours, ten X,
spread over the qubits). Each engine runs in a process of its own, in its own environment (see `environments`), one at
a time: a first value with all that comes with it (importing, searching paths, compiling), and repeated calls with
other angles.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import python_of
from benchmarks.machine import about
from benchmarks.running import ROOT, THREAD_VARIABLES, failure

ENGINES = {
    "hybridq": ("hybridq", "hybridq tensornet"),
    "hybridq-mps": ("hybridq", "hybridq tensornet:mps"),
    "aer": ("hybridq", "Aer matrix_product_state"),
    "tensorcircuit": ("tensorcircuit", "TensorCircuit-NG, jit"),
    "quimb": ("quimb", "quimb + cotengra"),
    "quimb-mps": ("quimb", "quimb CircuitMPS"),
}
GRADIENTS = ("hybridq", "tensorcircuit")
CASES = (
    "40-linear-4",
    "40-linear-8",
    "40-ring-4",
    "60-linear-4",
    "60-linear-6",
    "60-linear-8",
    "60-ring-4",
    "60-brick-8",
)
QUICK = ("12-linear-2", "12-ring-2")
OBSERVABLES = ("z", "sum20")
TOLERANCE = 1e-8


def request(case: str, observable: str) -> dict[str, Any]:
    """The circuit and the observable of a case, as workers read them."""
    width, pattern, depth = case.split("-")
    n, layers = int(width), int(depth)
    chain = [(q, q + 1) for q in range(n - 1)]
    pairs = {"linear": chain, "ring": [*chain, (n - 1, 0)], "brick": chain[::2] + chain[1::2]}[pattern]
    gates: list[list[Any]] = []
    angle = 0
    for layer in range(layers + 1):
        for name in ("ry", "rz"):
            for q in range(n):
                gates.append([name, [q], angle])
                angle += 1
        if layer < layers:
            gates += [["cx", list(pair), -1] for pair in pairs]
    if observable == "z":
        terms: list[Any] = [[{str(n // 2): "Z"}, 1.0]]
    else:
        places = [k * (n - 1) // 10 for k in range(10)]
        terms = [[{str(q): "Z", str(q + 1): "Z"}, 1.0] for q in places] + [[{str(q): "X"}, 0.5] for q in places]
    return {"n": n, "gates": gates, "n_angles": angle, "terms": terms, "seed": 7}


def answer(engine: str, part: str, asked: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The worker's record, or why there is none."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(options.threads))}
    environment["HYBRIDQ_CACHE"] = str(options.cache)
    environment["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if options.threads > 1 else 'false'}"
    whole = asked | {"engine": engine, "part": part, "repeats": options.repeats, "limit": options.limit}
    whole["threads"] = options.threads
    command = [python_of(ENGINES[engine][0], options.python), "-m", "benchmarks.peers.wide_worker"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(json.dumps(whole), timeout=options.limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"why": f"over {options.limit:.0f} s"}
    if process.returncode:
        return {"why": failure(process.returncode, err)}
    return dict(json.loads(out.splitlines()[-1]))


def shown(record: dict[str, Any]) -> str:
    """First value, with the import of the engine's libraries / repeated call."""
    if "why" in record:
        return str(record["why"])
    if "first_s" not in record:
        return "-"
    calls = record["calls_s"]
    first = record["build_s"] + record["first_s"]
    return f"{seconds(first)} / {seconds(statistics.median(calls)) if calls else '-'}"


def seconds(value: float) -> str:
    """Three digits and a unit."""
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def main() -> None:
    """Run all cases, compare their numbers, write one JSON and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="12 qubits only")
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one engine and case")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--python", help="a Python 3.11 from which the peers' environments are made")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "wide_circuits.json")
    options = parser.parse_args()
    options.cache = options.output.parent / ".wide_circuits_cache"
    records: list[dict[str, Any]] = []
    wrong: list[str] = []
    for case in options.cases or (QUICK if options.quick else CASES):
        for observable in OBSERVABLES:
            asked = request(case, observable)
            found: dict[str, dict[str, Any]] = {}
            for part in ("energy", "gradient"):
                for engine in options.engines:
                    if part == "gradient" and engine not in GRADIENTS:
                        continue
                    record = answer(engine, part, asked, options)
                    records.append({"case": case, "observable": observable, "engine": engine, "part": part, **record})
                    found[f"{engine} {part}"] = record
                    print(f"{case:12} {observable:6} {part:9} {engine:14} {shown(record)}", flush=True)
            wrong += disagreements(f"{case} {observable}", found)
    for record in records:
        record.pop("gradient", None)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    whole = {"about": about(), "threads": options.threads, "limit_s": options.limit, "records": records, "wrong": wrong}
    options.output.write_text(json.dumps(whole, indent=1) + "\n")
    print(table(records, options.engines))
    for line in wrong:
        print("DISAGREE", line)
    sys.exit(bool(wrong))


def disagreements(name: str, found: dict[str, dict[str, Any]]) -> list[str]:
    """Energies that differ by more than 1e-8, gradients likewise."""
    energies = {key: record["energy"] for key, record in found.items() if "energy" in record}
    lines = []
    if energies and max(energies.values()) - min(energies.values()) > TOLERANCE:
        lines.append(f"{name}: energies {energies}")
    slopes = [np.array(record["gradient"]) for record in found.values() if "gradient" in record]
    if len(slopes) == 2 and np.abs(slopes[0] - slopes[1]).max() > TOLERANCE:
        lines.append(f"{name}: gradients differ by {np.abs(slopes[0] - slopes[1]).max():.1e}")
    return lines


def table(records: list[dict[str, Any]], engines: list[str]) -> str:
    """Markdown: a row for each case, first / repeated call."""
    by = {(r["case"], r["observable"], r["engine"], r["part"]): r for r in records}
    columns = [(e, "energy") for e in engines] + [(e, "gradient") for e in engines if e in GRADIENTS]
    lines = ["| circuit | observable | " + " | ".join(f"{ENGINES[e][1]}, {p}" for e, p in columns) + " |"]
    lines.append("|---" * (2 + len(columns)) + "|")
    for case, observable in dict.fromkeys((r["case"], r["observable"]) for r in records):
        cells = [shown(by[case, observable, e, p]) if (case, observable, e, p) in by else "-" for e, p in columns]
        lines.append(f"| {case} | {observable} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
