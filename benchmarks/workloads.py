"""The workloads of the routing benchmark, from benchmarks/workloads.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import hybridq as hq

FILE = Path(__file__).with_name("workloads.json")
MOLECULES = {
    "H2": "H 0 0 0; H 0 0 0.74",
    "H4": "; ".join(f"H 0 0 {k}" for k in range(4)),
    "LiH": "Li 0 0 0; H 0 0 1.6",
    "H2O": "O 0 0 0; H 0 0.7572 0.5865; H 0 -0.7572 0.5865",
    "H6": "; ".join(f"H 0 0 {k}" for k in range(6)),
    "H8": "; ".join(f"H 0 0 {k}" for k in range(8)),
    "H10": "; ".join(f"H 0 0 {k}" for k in range(10)),
    "N2": "N 0 0 0; N 0 0 1.1",
}


def all_of_them() -> list[dict[str, Any]]:
    """Name, family and sizes of each."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text())
    return found


def regular_graph(n: int) -> list[tuple[int, int]]:
    """A 3-regular graph: a ring and its chords."""
    return [(k, (k + 1) % n) for k in range(n)] + [(k, k + n // 2) for k in range(n // 2)]


def chain(n: int, field: float) -> dict[str, float]:
    """An Ising chain in a transverse field."""
    terms = {"I" * k + "ZZ" + "I" * (n - 2 - k): -1.0 for k in range(n - 1)}
    return {**terms, **{"I" * k + "X" + "I" * (n - 1 - k): -field for k in range(n)}}


def heisenberg(n: int) -> dict[str, float]:
    """A Heisenberg chain."""
    return {"I" * k + two + "I" * (n - 2 - k): 1.0 for k in range(n - 1) for two in ("XX", "YY", "ZZ")}


def problem_of(load: dict[str, Any]) -> Any:
    """The problem of a workload."""
    kind, n = load["problem"], load.get("qubits", 0)
    if kind in MOLECULES:
        electrons, orbitals = load.get("active", (None, None))
        space = {} if electrons is None else {"active_electrons": electrons, "active_orbitals": orbitals}
        return hq.Problem.from_xyz(MOLECULES[kind], load.get("basis", "sto-3g"), symmetry=False, **space)
    if kind == "max-cut":
        from hybridq.qubits.graphs import max_cut

        return max_cut(regular_graph(n))
    if kind == "z":
        return hq.QubitProblem({"I" * (n - 1 - n // 2) + "Z" + "I" * (n // 2): 1.0})
    return hq.QubitProblem(chain(n, 0.8) if kind == "ising" else heisenberg(n))


def task_of(load: dict[str, Any]) -> hq.Task:
    """One evaluation of a workload, at random parameters."""
    from hybridq.loops.vqe import observable_for

    problem = problem_of(load)
    circuit = hq.ansatz(load["family"], **load.get("options", {})).build(problem)
    row = 0.1 * np.random.default_rng(5).normal(size=circuit.n_parameters)
    return hq.Task(circuit, row, observable_for(problem, circuit), load["driver"])
