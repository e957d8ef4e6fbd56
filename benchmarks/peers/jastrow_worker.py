"""States, energies and gradients of one cluster Jastrow circuit in one program, timed; prints one JSON line.

Run in the peer's own environment; integrals and matrices come in a file (see benchmarks/general_circuits.py). A state
begins at the parameters (for ffsim: at the operator's matrices) and ends at the state vector; an energy is a state and
its expectation value; a gradient is an energy with its derivatives by all parameters.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.worker import peak_bytes, pin

Data = dict[str, Any]
Work = Callable[[float], Any]  # takes a factor close to 1 by which the number products' angles are multiplied


def hybridq(data: Data) -> tuple[dict[str, Work], Callable[[], Any]]:
    from hybridq.contract.hamiltonian import Hamiltonian
    from hybridq_circuits.lucj import cluster_jastrow
    from hybridq_sector.engine import Engine
    from hybridq_sector.program import compile_circuit
    from hybridq_sector.sigma import compile_hamiltonian

    n, electrons = int(data["n"]), tuple(int(k) for k in data["electrons"])
    pairs = tuple([tuple(map(int, pair)) for pair in data[name]] for name in ("same", "mixed"))
    circuit = cluster_jastrow(n, electrons, data["coulomb"], data["rotations"], data["final"], pairs=pairs)
    h = Hamiltonian(float(data["constant"]), data["one"], data["two"])
    engine = Engine(compile_circuit(circuit), compile_hamiltonian(h, *electrons))
    row = circuit.start
    works: dict[str, Work] = {
        "state": lambda factor: engine.prepare(row * factor),
        "energy": lambda factor: engine.energy(row * factor),
        "gradient": lambda factor: engine.energy_and_gradient(row * factor),
    }

    def state() -> Any:
        engine.prepare(row)
        return engine.psi

    return works, state


def ffsim(data: Data) -> tuple[dict[str, Work], Callable[[], Any]]:
    import ffsim as peer

    n, electrons = int(data["n"]), tuple(int(k) for k in data["electrons"])
    masks = np.zeros((2, n, n))
    for mask, name in zip(masks, ("same", "mixed"), strict=True):
        for p, q in data[name]:
            mask[p, q] = mask[q, p] = 1
    coulomb = data["coulomb"] * masks
    reference = peer.hartree_fock_state(n, electrons)
    hamiltonian = peer.MolecularHamiltonian(data["one"], data["two"], float(data["constant"]))
    operator = peer.linear_operator(hamiltonian, norb=n, nelec=electrons)

    def state(factor: float = 1.0) -> Any:
        ansatz = peer.UCJOpSpinBalanced(coulomb * factor, data["rotations"], data["final"])
        return peer.apply_unitary(reference, ansatz, norb=n, nelec=electrons)

    def energy(factor: float) -> float:
        psi = state(factor)
        return float(np.vdot(psi, operator @ psi).real)

    return {"state": state, "energy": energy}, state


PROGRAMS = {"hybridq": (hybridq, ("hybridq-sdk", "numpy", "numba")), "ffsim": (ffsim, ("ffsim", "numpy", "pyscf"))}


def timed(work: Work, repeats: int, limit: float) -> dict[str, Any]:
    """Seconds of a first call and of `repeats` further ones, each with other parameters."""
    calls = []
    for k in range(repeats + 1):
        begin = time.perf_counter()
        work(1 + 1e-4 * k)
        calls.append(time.perf_counter() - begin)
        if sum(calls) + calls[-1] > limit and k:
            break
    return {"first_s": calls[0], "calls_s": calls[1:], "median_s": statistics.median(calls[1:])}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("data")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one kind of call")
    parser.add_argument("--state", help="write the state vector there")
    arguments = parser.parse_args()
    pin(1)
    with np.load(arguments.data) as file:
        data = dict(file)
    make, packages = PROGRAMS[arguments.program]
    begin = time.perf_counter()
    works, state = make(data)
    built = time.perf_counter() - begin
    record: dict[str, Any] = {"build_s": built, "hartree": works["energy"](1.0)}
    record |= {name: timed(work, arguments.repeats, arguments.limit) for name, work in works.items()}
    record["peak_bytes"] = peak_bytes()
    record["versions"] = {package: importlib.metadata.version(package) for package in packages}
    if arguments.state:
        np.save(arguments.state, np.asarray(state()).reshape(-1))
    sys.stdout.write("\n" + json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
