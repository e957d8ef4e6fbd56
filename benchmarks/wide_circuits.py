"""Energies and gradients of wide circuits, hybridq beside other tensor-network packages, in one run.

    python -m benchmarks.wide_circuits [--quick] [--cases 40-linear-4 ...] [--engines ...] [--limit 120] [--threads 2]

Hardware-efficient circuits, hybridq's family `hea` with rotations RY and RZ and CX on a line, a ring or in bricks; a
Z in the middle, and a sum of 20 strings (ten ZZ of neighbours, ten X, spread over the qubits). Each engine has a
process of its own, in its own environment (see `environments`), with empty caches. First calls, with all that comes
with them (importing, searching paths, compiling), one after another; then turns of repeated calls, engine by engine,
each at other angles. Energies of all turns must agree to 1e-8, and gradients. A case is not started where a smaller
one of the same engine was over the limit. Writes one JSON and prints tables. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import wide_report
from benchmarks.environments import python_of
from benchmarks.machine import about
from benchmarks.running import ROOT, THREAD_VARIABLES
from benchmarks.standing import Late, Standing

ENVIRONMENTS = {  # engine: environment
    "hybridq": "hybridq",
    "hybridq-mps": "hybridq",
    "hybridq-aer": "hybridq",
    "aer": "hybridq",
    "tensorcircuit": "tensorcircuit",
    "tensorcircuit-mpo": "tensorcircuit",
    "quimb": "quimb",
    "quimb-mps": "quimb",
}
GRADIENTS = ("hybridq", "tensorcircuit", "tensorcircuit-mpo")
CASES = tuple(f"{n}-{way}-{layers}" for way in ("linear", "brick", "ring") for n in (40, 60) for layers in (4, 6, 8))
QUICK = ("12-linear-2", "12-ring-2")
OBSERVABLES = ("z", "sum20")


def request(case: str, observable: str) -> dict[str, Any]:
    """The circuit and the observable of a case, as workers read them."""
    n, way, layers = parsed(case)
    chain = [(q, q + 1) for q in range(n - 1)]
    pairs = {"linear": chain, "ring": [*chain, (n - 1, 0)], "brick": chain[::2] + chain[1::2]}[way]
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


def parsed(case: str) -> tuple[int, str, int]:
    """Qubits, entanglement, layers."""
    try:
        width, way, depth = case.split("-")
        n, layers = int(width), int(depth)
    except ValueError:
        raise SystemExit(f"a case is QUBITS-WAY-LAYERS, such as 40-linear-4, got {case!r}") from None
    if way not in ("linear", "ring", "brick") or n < 4 or layers < 1:
        raise SystemExit(f"a case has at least 4 qubits, linear, ring or brick, and a layer; got {case!r}")
    return n, way, layers


def start(engine: str, cache: str, options: argparse.Namespace) -> Standing:
    """A worker that waits for its request."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(options.threads)), "HYBRIDQ_CACHE": cache}
    environment["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if options.threads > 1 else 'false'}"
    environment["JAX_PLATFORMS"] = "cpu"
    python = python_of(ENVIRONMENTS[engine], options.python)
    return Standing([python, "-m", "benchmarks.peers.wide_worker"], environment)


def measure(
    asked: dict[str, Any], part: str, skip: dict[str, str], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """One record for each engine: its first call and its turns, or why there is none."""
    engines = [e for e in options.engines if part == "energy" or e in GRADIENTS]
    records: list[dict[str, Any]] = [{"engine": engine, "part": part} for engine in engines]
    standing: dict[str, Standing] = {}
    spent = dict.fromkeys(engines, 0.0)
    with tempfile.TemporaryDirectory() as folder:

        def ask(record: dict[str, Any], line: str) -> dict[str, Any]:
            engine = record["engine"]
            begin = time.perf_counter()
            try:
                if engine not in standing:
                    cache = os.path.join(folder, engine)
                    standing[engine] = start(engine, cache, options)
                return standing[engine].ask(line, options.limit - spent[engine])
            except (Late, RuntimeError) as error:
                standing.pop(engine).close() if isinstance(error, RuntimeError) else standing.pop(engine)
                return {"why": str(error) or f"over {options.limit:.0f} s"}
            finally:
                spent[engine] += time.perf_counter() - begin

        for record in records:
            engine = record["engine"]
            python_of(ENVIRONMENTS[engine], options.python)  # made before the clock runs
            whole = asked | {"engine": engine, "part": part, "threads": options.threads}
            record |= {"why": skip[engine]} if engine in skip else ask(record, json.dumps(whole))
            record |= {"wall_s": spent[engine], "calls_s": [], "energies": []}
        for turn in range(1, options.repeats + 1):
            for record in records:
                engine = record["engine"]
                longest = max(record["calls_s"], default=record.get("first_s", 0.0))
                if engine not in standing or spent[engine] + longest > options.limit:
                    continue
                found = ask(record, str(turn))
                if "why" in found:
                    record["stopped"] = found["why"]
                else:
                    record["calls_s"] += found["calls_s"]
                    record["energies"].append(found["energy"])
        for worker in standing.values():
            worker.close()
    return records


def not_started(records: list[dict[str, Any]], case: str, observable: str, part: str) -> dict[str, str]:
    """Engines that were over the limit at a circuit of the same kind with no more qubits and layers, and where."""
    n, way, layers = parsed(case)
    found = {}
    for record in records:
        if (record["observable"], record["part"]) == (observable, part) and record.get("why", "").startswith("over "):
            earlier = parsed(record["case"])
            if earlier[1] == way and earlier[0] <= n and earlier[2] <= layers:
                found[record["engine"]] = f"over the limit at {record['case']}"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="12 qubits only")
    parser.add_argument("--cases", nargs="+", help="QUBITS-WAY-LAYERS; way: linear, brick or ring")
    parser.add_argument("--observables", nargs="+", choices=OBSERVABLES, default=list(OBSERVABLES))
    parser.add_argument("--engines", nargs="+", choices=list(ENVIRONMENTS), default=list(ENVIRONMENTS))
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one engine and case, all told")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7, help="turns of repeated calls")
    parser.add_argument("--python", help="a Python 3.11 from which the peers' environments are made")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "wide_circuits.json")
    options = parser.parse_args()
    records: list[dict[str, Any]] = []
    wrong: list[str] = []
    for case in options.cases or (QUICK if options.quick else CASES):
        for observable in options.observables:
            asked = request(case, observable)
            group: list[dict[str, Any]] = []
            for part in ("energy", "gradient"):
                for record in measure(asked, part, not_started(records, case, observable, part), options):
                    group.append({"case": case, "observable": observable, "n_angles": asked["n_angles"], **record})
                    shown = wide_report.shown(group[-1])
                    print(f"{case:12} {observable:6} {part:9} {record['engine']:18} {shown}", flush=True)
            wrong += wide_report.disagreements(f"{case} {observable}", group)
            for record in group:
                record.pop("gradient", None)
            records += group
            whole = {"about": about(), "threads": options.threads, "limit_s": options.limit}
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps({**whole, "wrong": wrong, "records": records}, indent=1) + "\n")
    print(wide_report.tables(records, options.engines))
    for line in wrong:
        print("DISAGREE", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
