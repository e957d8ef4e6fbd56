"""Energy and full gradient of Trotterized UCCSD: hybridq beside its peers.

    python benchmarks/chemistry.py --quick
    python benchmarks/chemistry.py --full-vqe

Builds the molecules with PySCF, makes one virtual environment for each peer, runs one worker process at a time,
checks that all agree to 1e-9, and writes a JSON file and a Markdown table beside it.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import environments, peer_list, problems, report, running  # noqa: E402
from benchmarks.peer_list import Engine, Peer  # noqa: E402
from benchmarks.peers.problem import Problem  # noqa: E402
from benchmarks.running import Record  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
QUICK = ("H4", "LiH")
VQE_MOLECULES = ("H2O", "N2")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 where something was measured and all that finished agree."""
    options = parse(argv)
    chosen = options.peers
    pythons: dict[str, str] = {}
    broken: dict[str, str] = {}
    for name in dict.fromkeys(peer.name for peer, _ in chosen):
        try:
            pythons[name] = environments.python_of(name, options.python)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            broken[name] = str(error).splitlines()[0]
    names = [*dict.fromkeys([*options.molecules, *(VQE_MOLECULES if options.full_vqe else ())])]
    files = {name: problems.write(name, options.problems) for name in names}
    loaded = {name: Problem.load(path) for name, path in files.items()}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    header = describe(options, {name: loaded[name] for name in options.molecules})
    records: list[Record] = []
    vqe: list[Record] = []

    def done(record: Record, into: list[Record]) -> None:
        into.append(record)
        text = f"{1e3 * record.seconds:.3g} ms a call" if "calls_s" in record.values else record.reason or "converged"
        about = f"{record.molecule:11} {report.label(record)}, threads {record.threads}"
        print(f"{about}: {record.status}, {text}", flush=True)
        write(options.out, header, records, vqe)

    def measure(peer: Peer, engine: Engine, threads: int, name: str, *more: str) -> Record:
        if peer.name in broken:
            return Record(peer.name, engine.name, threads, name, "failed", broken[peer.name])
        return running.run(peer, engine, threads, files[name], pythons[peer.name], options.limit, more)

    if report.REFERENCE in pythons and options.molecules:
        # Numba compiles once on a machine and keeps the result; this call finds out what that takes, if it is due.
        peer, engine = next(pair for pair in chosen if pair[0].name == report.REFERENCE)
        first = measure(peer, engine, options.threads[0], options.molecules[0], "--repeats", "1")
        header["hybridq's very first call in this run, s"] = round(first.values.get("first_s", float("nan")), 2)
    for name in options.molecules:
        for (peer, engine), threads in itertools.product(chosen, options.threads):
            earlier = [r for r in records if (r.peer, r.engine, r.threads) == (peer.name, engine.name, threads)]
            works = [engine.work(loaded[r.molecule]) for r in earlier]
            reason = running.too_much(earlier, works, engine.work(loaded[name]), options.limit, memory)
            if reason:
                done(Record(peer.name, engine.name, threads, name, "skipped", reason), records)
            else:
                done(measure(peer, engine, threads, name, "--repeats", str(options.repeats)), records)
    for name in VQE_MOLECULES if options.full_vqe else ():
        if report.REFERENCE in pythons:
            header["optima"][name] = optimum(files[name], pythons[report.REFERENCE], options.limit)
        for (peer, engine), threads in itertools.product(chosen, options.threads):
            done(measure(peer, engine, threads, name, "--vqe"), vqe)
    print(f"\n{options.out}\n{options.out.with_suffix('.md')}")
    wrong = report.disagreements(records) + report.vqe_failures(vqe, header["optima"])
    if not any(record.status == "ok" for record in records + vqe):
        wrong.append("nothing was measured; the reasons are in the table")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = ",".join(peer.name for peer in peer_list.PEERS)
    parser.add_argument(
        "--peers", type=_peers, default=known, help=f"default {known}; a part as in lightning:fermionic"
    )
    parser.add_argument(
        "--molecules", type=_names, help=f'default {",".join(problems.MOLECULES)}; "none" for --full-vqe alone'
    )
    parser.add_argument("--threads", type=_numbers, help="default 1 and the number of cores")
    parser.add_argument("--repeats", type=int, help="calls after the first one, default 5")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for each worker, default 300")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK)}, one thread, 3 repeats")
    parser.add_argument("--full-vqe", action="store_true", help=f"optimize {' and '.join(VQE_MOLECULES)} as well")
    parser.add_argument("--out", type=Path, default=RESULTS / "chemistry.json")
    parser.add_argument(
        "--problems", type=Path, default=ROOT / "benchmarks" / ".problems", help="where problem files are kept"
    )
    parser.add_argument("--python", help="a Python 3.11 from which the peers' environments are made")
    options = parser.parse_args(argv)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if options.molecules is None:
        options.molecules = list(QUICK if options.quick else problems.MOLECULES)
    options.threads = options.threads or ([1] if options.quick else sorted({1, cores}))
    options.repeats = options.repeats or (3 if options.quick else 5)
    return options


def describe(options: argparse.Namespace, loaded: dict[str, Problem]) -> dict[str, Any]:
    """Where, when and how: the head of both files."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "system": platform.platform(),
        "threads tried": ", ".join(map(str, options.threads)),
        "repeats": options.repeats,
        "limit for each worker, s": options.limit,
        "parameters": f"normal, standard deviation {problems.SPREAD} radian, seed {problems.SEED}",
        "optima": {},
        "molecules": {
            name: f"{p.description}; {p.n_qubits} qubits, {p.n_parameters} parameters" for name, p in loaded.items()
        },
    }


def optimum(problem_file: Path, python: str, limit: float) -> float:
    """Energy at the bottom of the valley, hartree: the same optimization with a much smaller tolerance.

    Raises:
        RuntimeError: the worker did not finish.
    """
    peer, engine = peer_list.select(report.REFERENCE)[0]
    record = running.run(peer, engine, 1, problem_file, python, limit, ["--vqe", "--gtol", "1e-8"])
    if record.status != "ok":
        raise RuntimeError(f"no optimum for {record.molecule}: {record.status}: {record.reason}")
    return float(record.values["energy"])


def write(out: Path, header: dict[str, Any], records: list[Record], vqe: list[Record]) -> None:
    """Both files, after every worker, so that an interrupted run keeps what it has."""
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for record in records:
        row = asdict(record)
        if record.status == "ok":
            del row["values"]["gradient"]
            row["values"]["median_s"] = record.seconds
        rows.append(row)
    data = {"schema_version": 1, **header, "records": rows, "vqe": [asdict(r) for r in vqe]}
    data["largest_differences"] = report.spreads(records)
    out.write_text(json.dumps(data, indent=1) + "\n")
    out.with_suffix(".md").write_text(report.markdown(header, records, vqe))


def _peers(text: str) -> list[tuple[Peer, Engine]]:
    try:
        return peer_list.select(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _names(text: str) -> list[str]:
    names = [] if text == "none" else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in problems.MOLECULES:
            raise argparse.ArgumentTypeError(f"unknown molecule {name!r}; known: {', '.join(problems.MOLECULES)}")
    return names


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
