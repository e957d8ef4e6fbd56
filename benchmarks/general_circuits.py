"""Unitary cluster Jastrow circuits: hybridq beside ffsim.

    python benchmarks/general_circuits.py [--orbitals 8,10,12] [--layers 1,3] [--pairs square,all-to-all] [--repeats 7]

Hydrogen chains at half filling, 1 angstrom apart, STO-3G; matrices from CCSD, the same for both programs. A process
for each measurement, on one core. States are compared amplitude by amplitude. ffsim has no gradients. Writes
benchmarks/results/general_circuits.json.
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
from hybridq.chem.coupled_cluster import solve  # noqa: E402
from hybridq_circuits.double_factorization import double_factorized  # noqa: E402
from hybridq_circuits.lucj import interaction_pairs  # noqa: E402

PROGRAMS = ("hybridq", "ffsim")
DIFFERENT = 1e-9  # of an amplitude, and of an energy in hartree


def write(problem: hq.Problem, layers: int, pairs: str, path: Path) -> None:
    """Integrals, matrices and pairs of one circuit."""
    from scipy.linalg import expm

    n, o = problem.n_orbitals, problem.n_alpha
    found = solve(problem)
    coulomb, rotations = double_factorized(found.doubles[1])
    if len(coulomb) < layers:
        raise SystemExit(f"{problem.name} has {len(coulomb)} layers, {layers} were asked for")
    moves = np.zeros((n, n))
    moves[o:, :o] = found.singles[0].T
    same, mixed = interaction_pairs(pairs, n)
    h = problem.hamiltonian
    np.savez(
        path, n=n, electrons=(o, problem.n_beta), constant=h.constant, one=h.one_body, two=h.two_body,
        coulomb=np.stack([coulomb, coulomb], axis=1)[:layers], rotations=rotations[:layers],
        final=expm(moves - moves.T), same=np.array(same), mixed=np.array(mixed),
    )  # fmt: skip


def measure(program: str, python: str, data: Path, state: Path, repeats: int) -> dict[str, Any]:
    """One process."""
    command = [python, "-m", "benchmarks.peers.jastrow_worker", program, str(data), "--state", str(state)]
    done = subprocess.run([*command, "--repeats", str(repeats)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{program} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(problem: hq.Problem, layers: int, pairs: str, pythons: dict[str, str], repeats: int) -> dict[str, Any]:
    """One circuit in both programs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "circuit.npz"
        write(problem, layers, pairs, data)
        states = {program: folder / f"{program}.npy" for program in PROGRAMS}
        row: dict[str, Any] = {"orbitals": problem.n_orbitals, "layers": layers, "pairs": pairs}
        row |= {program: measure(program, pythons[program], data, states[program], repeats) for program in PROGRAMS}
        ours, theirs = (np.load(states[program]) for program in PROGRAMS)
    # The phases of the orbital rotations that commute with the number products are left out: a global phase at most.
    row["state_difference"] = float(np.abs(ours - theirs * np.exp(1j * np.angle(np.vdot(theirs, ours)))).max())
    row["energy_difference"] = abs(row["hybridq"]["hartree"] - row["ffsim"]["hartree"])
    row["ratio"] = {
        what: row["ffsim"][what]["median_s"] / row["hybridq"][what]["median_s"] for what in ("state", "energy")
    }
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orbitals", default="8,10,12")
    parser.add_argument("--layers", default="1,3")
    parser.add_argument("--pairs", default="square,all-to-all")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--ffsim-python", help="an interpreter that has ffsim; by default an environment is made")
    arguments = parser.parse_args()
    theirs = arguments.ffsim_python or environments.python_of("ffsim")
    pythons = {"hybridq": sys.executable, "ffsim": theirs}
    rows = []
    for n in map(int, arguments.orbitals.split(",")):
        problem = hq.Problem.from_xyz("; ".join(f"H 0 0 {k}" for k in range(n)), "sto-3g", symmetry=False)
        for layers in map(int, arguments.layers.split(",")):
            for pairs in arguments.pairs.split(","):
                row = compare(problem, layers, pairs, pythons, arguments.repeats)
                rows.append(row)
                ms = [f"{program} {what} {1e3 * row[program][what]['median_s']:.2f} ms" for program in PROGRAMS
                      for what in ("state", "energy", "gradient") if what in row[program]]  # fmt: skip
                said = ", ".join(f"{what} x{ratio:.1f}" for what, ratio in row["ratio"].items())
                print(
                    f"H{n} {layers} layers {pairs}: {'; '.join(ms)}; {said}; {row['state_difference']:.1e}", flush=True
                )
    machine.save("general_circuits", {"machine": machine.about(), "rows": rows})
    wrong = [row for row in rows if max(row["state_difference"], row["energy_difference"]) > DIFFERENT]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
