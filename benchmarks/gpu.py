"""Every executor on a GPU: held against the CPU, then timed beside what a user would pick instead.

    python -m benchmarks.gpu [--quick] [--output FILE] [--sections check rates times peers sector]

`check` compares energies and gradients with the compiled loops at fresh random angles, all rows one by one and at once,
whole and in slices: to 1e-10 in double precision and 2e-4 in single, relative to the largest number. `rates` measures a
copy and a product of matrices; they are the floors that `times` is held against. `times` are medians of whole calls
with their transfers, one row and many at once, and of what lies between two events of the device. `peers` are the same
energies by other means. `sector` is `benchmarks.gpu_sector`. A section that fails does not stop the others: its
traceback is in the JSON. Beside that a Markdown table is written. The exit code is 1 where a check fails.

Without a GPU it says so, checks the executors that run on the CPU, and ends.

What a machine without a network needs beside CuPy and PyTorch, as wheels in MB (CPython 3.12, Linux, x86-64); nothing
but Numba must be there, and what is missing is a line that says so:

    numba 3.9, llvmlite 59.7                    all sections
    cotengra 0.3, autoray 1.0                   better plans for large networks
    pyscf 52.8, h5py 5.4                        sector
    cuquantum-python-cu13 10.1, cutensornet-cu13 3.3, cutensor-cu13 200.7    the executor cuquantum, its peers
    qiskit 9.5, rustworkx 2.4                   CircuitToEinsum
    pennylane 5.4, pennylane-lightning 25.5, -gpu 0.9, -tensor 0.5, custatevec-cu13 57.1      PennyLane's devices

    pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 -d wheels NAME ...
    PYTHONPATH=.:backends:circuits python -m benchmarks.gpu
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu_cases import CHECKED, QUICK, TIMED, check, rates_of, timed
from hybridq.contract.devices import gpu_of_rank, gpus, why_no_gpu
from hybridq.contract.errors import HybridqError
from hybridq_tensornet.executors import EXECUTORS, Executor, executor

SECTIONS = ("check", "rates", "times", "peers", "sector")
PACKAGES = ("numpy", "scipy", "numba", "cupy-cuda13x", "torch", "cuquantum-python-cu13", "cotengra", "qiskit")
PEER_CASES = ("40-linear-4", "24-ring-6")


def about() -> dict[str, Any]:
    """The machine, its GPU, and versions."""
    from benchmarks.machine import about as here
    from hybridq.provenance import package_version

    found: dict[str, Any] = {**here(), "packages": {name: package_version(name) for name in PACKAGES}}
    if gpus():
        found["gpu"] = str(gpus()[gpu_of_rank()])
    return found


def available(names: tuple[str, ...]) -> tuple[dict[str, Executor], dict[str, str]]:
    """Executors that can be had, and why not the others."""
    made: dict[str, Executor] = {}
    why: dict[str, str] = {}
    for name in names:
        try:
            made[name] = executor(name)
        except HybridqError as error:
            why[name] = str(error)
    return made, why


def section(name: str, whole: dict[str, Any], work: Callable[[], Any]) -> None:
    """Run a part, whatever happens."""
    try:
        whole[name] = work()
    except Exception as error:
        whole[name] = []
        whole["failed"][name] = traceback.format_exc()
        print(f"{name}: {type(error).__name__}: {error}", flush=True)


def rates(quick: bool) -> dict[str, float]:
    """Of the GPU."""
    from hybridq.contract.devices import require_cupy

    cupy = require_cupy()
    with cupy.cuda.Device(gpu_of_rank()):
        return rates_of(cupy, cupy.cuda.Device().synchronize, 1024 if quick else 8192)


def sector(quick: bool) -> dict[str, Any]:
    """The sector engine's own benchmark."""
    from benchmarks import gpu_sector

    return {
        "check": gpu_sector.check((4,) if quick else (4, 6, 8)),
        "times": gpu_sector.measure((4, 6) if quick else gpu_sector.SIZES),
    }


def shown(record: dict[str, Any]) -> str:
    """A line for a check or a time."""
    label = f"{record['case']:22} {record['executor']:46} {record['dtype']:10}"
    if "why" in record:
        return f"{label} {record['why']}"
    if "row_s" in record:
        rows = f"{'gradient' if record.get('gradient') else 'energy':8} {record['rows']:3d} rows"
        return f"{label} {rows} {1e3 * record['row_s']:9.4g} ms a row"
    return f"{label} {record['slices']:2d} slices, error {record['error']:.1e}{'' if record['right'] else '  WRONG'}"


def printed(records: Any) -> list[dict[str, Any]]:
    """All records, each printed when it is there."""
    found = []
    for record in records:
        print(shown(record), flush=True)
        found.append(record)
    return found


def table(whole: dict[str, Any]) -> str:
    """Markdown: what was checked, and milliseconds a row."""
    gpu = whole["about"].get("gpu", "no GPU")
    lines = [f"{gpu}", "", "| executor | precision | checks | largest error |", "|---|---|---:|---:|"]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in whole["check"]:
        groups.setdefault((record["executor"], record["dtype"]), []).append(record)
    for (name, dtype), records in groups.items():
        right = sum(record["right"] for record in records)
        errors = [record["error"] for record in records if "error" in record]
        worst = f"{max(errors):.1e}" if errors else "-"
        lines.append(f"| {name} | {dtype} | {right} of {len(records)} right | {worst} |")
    lines += [f"| {name} | - | - | {why} |" for name, why in whole["executors_missing"].items()]
    times = [*whole.get("times", []), *whole.get("peers", [])]
    if times:
        lines += ["", "| circuit | by | precision | what | rows | ms a row | device ms a row | floor ms |"]
        lines.append("|---|---|---|---|---:|---:|---:|---:|")
    for r in times:
        what = "energy + gradient" if r.get("gradient") else "energy"
        cells = [r["case"], r["executor"], r["dtype"], what, r["rows"]]
        if "why" in r:
            cells += [r["why"].splitlines()[0][:120].replace("|", "/"), "", ""]
        else:
            cells += [f"{1e3 * r[key]:.4g}" if key in r else "" for key in ("row_s", "device_row_s", "floor_s")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    if whole.get("sector"):
        from benchmarks import gpu_sector

        lines += ["", gpu_sector.table(whole["sector"]["times"])]
    lines += [f"\n{name} failed: {text.splitlines()[-1]}" for name, text in whole["failed"].items()]
    return "\n".join(lines)


def main() -> None:
    """Check, measure, write one JSON and one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small circuits, to see that everything runs")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--cases", nargs="+", help="circuits to be timed, as 40-linear-4")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds after which a peer gets no more cases")
    parser.add_argument("--output", type=Path, help="the JSON; beside it the table")
    options = parser.parse_args()
    output = options.output or Path(__file__).resolve().parent / "results" / "gpu.json"
    why = why_no_gpu()
    executors, missing = available(EXECUTORS if not why else ("compiled", "numpy", "torch"))
    whole: dict[str, Any] = {"about": about(), "executors_missing": missing, "check": [], "failed": {}}

    def save() -> None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(whole, indent=1) + "\n")
        output.with_suffix(".md").write_text(table(whole) + "\n")

    def part(name: str, work: Callable[[], Any]) -> None:
        if name in options.sections:
            section(name, whole, work)
            if options.output or not why:
                save()

    if why:
        print(f"no GPU: {why}; checking the executors that run on the CPU")
        part("check", lambda: printed(check(QUICK, executors)))
    else:
        cases, repeats = options.cases or (QUICK if options.quick else TIMED), 3 if options.quick else options.repeats
        peer_cases = options.cases or (QUICK if options.quick else PEER_CASES)
        part("check", lambda: printed(check(QUICK if options.quick else CHECKED, executors)))
        part("rates", lambda: rates(options.quick))
        part("times", lambda: printed(timed(cases, executors, whole.get("rates") or {}, repeats)))

        def peers() -> list[dict[str, Any]]:
            from benchmarks.gpu_peers import PEERS, measured

            return printed(measured(peer_cases, list(PEERS), min(repeats, 5), options.limit))

        part("peers", peers)
        part("sector", lambda: sector(options.quick))
    print(table(whole))
    sys.exit(1 if any(not record["right"] for record in whole["check"]) or "check" in whole["failed"] else 0)


if __name__ == "__main__":
    main()
