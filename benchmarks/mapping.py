"""N2 in cc-pVDZ as Pauli strings: hybridq beside OpenFermion and Qiskit Nature.

    python benchmarks/mapping.py [--orbitals 6,10,14,20] [--limit 1800] [--repeats 3]

A process for each measurement, on one core. The operators are compared term by term up to 10 orbitals. Writes
benchmarks/results/mapping.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import hybridq as hq  # noqa: E402
from benchmarks import environments, machine  # noqa: E402

MEASURED = (
    ("hybridq", "jordan_wigner"),
    ("hybridq", "bravyi_kitaev"),
    ("hybridq", "parity_reduced"),
    ("hybridq", "jordan_wigner+taper"),
    ("openfermion", "jordan_wigner"),
    ("openfermion", "bravyi_kitaev"),
    ("qiskit_nature", "jordan_wigner"),
    ("qiskit_nature", "bravyi_kitaev"),
    ("qiskit_nature", "parity_reduced"),
)
COMPARED = 10  # orbitals
DIFFERENT = 1e-8  # hartree


def integrals(mf: Any, orbitals: int, path: Path) -> None:
    """Write the active space of `orbitals` orbitals with up to 10 electrons."""
    problem = hq.Problem.from_pyscf(mf, active_electrons=min(10, orbitals), active_orbitals=orbitals)
    h = problem.hamiltonian
    electrons = (problem.n_alpha, problem.n_beta)
    np.savez(path, constant=h.constant, one=h.one_body, two=h.two_body, electrons=electrons)


def measure(program: str, mapping: str, data: Path, limit: float, strings: Path | None = None) -> dict[str, Any]:
    """One process; {"failed": why} where it gave no numbers."""
    python = environments.python_of(program)
    command = [python, "-m", "benchmarks.peers.mapping_worker", program, mapping, str(data)]
    command += [] if strings is None else ["--strings", str(strings)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {limit:.0f} seconds"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def difference(one: Path, other: Path) -> float:
    """The largest difference of two coefficients of one string, hartree."""
    sums = []
    for path in (one, other):
        with np.load(path) as file:
            sums.append(dict(zip(file["labels"].tolist(), file["values"].tolist(), strict=True)))
    return max(abs(sums[0].get(label, 0.0) - sums[1].get(label, 0.0)) for label in {*sums[0], *sums[1]})


def rows_of(orbitals: int, data: Path, folder: Path, limit: float, repeats: int) -> list[dict[str, Any]]:
    """All programs at one size."""
    rows = []
    for program, mapping in MEASURED:
        compared = folder / f"{program}-{mapping}.npz" if orbitals <= COMPARED else None
        runs = [measure(program, mapping, data, limit, compared)]
        # Peers that take minutes are measured once.
        if runs[0].get("seconds", limit) < 30:
            runs += [measure(program, mapping, data, limit) for _ in range(repeats - 1)]
        best = min(runs, key=lambda run: run.get("seconds", limit))
        row = {"orbitals": orbitals, "program": program, "mapping": mapping, **best}
        if compared is not None and program != "hybridq" and "failed" not in row:
            row["largest_difference"] = difference(folder / f"hybridq-{mapping}.npz", compared)
            row["equal"] = row["largest_difference"] < DIFFERENT
        rows.append(row)
        said = best.get("failed") or f"{best['seconds']:9.3f} s {best['added_bytes'] / 2**20:9.1f} MiB"
        print(f"{orbitals:3} {program:14} {mapping:20} {said} {row.get('largest_difference', '')}", flush=True)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orbitals", default="6,10,14,20")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds for one process")
    parser.add_argument("--repeats", type=int, default=3, help="processes of which the fastest counts")
    arguments = parser.parse_args()

    import pyscf

    mf = pyscf.M(atom="N 0 0 0; N 0 0 1.1", basis="cc-pvdz", symmetry=True, verbose=0).RHF().run()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for orbitals in map(int, arguments.orbitals.split(",")):
            data = folder / "integrals.npz"
            integrals(mf, orbitals, data)
            rows += rows_of(orbitals, data, folder, arguments.limit, arguments.repeats)
    machine.save("mapping", {"machine": machine.about(), "rows": rows})
    return 1 if any(row.get("equal") is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
