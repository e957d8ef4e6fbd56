"""hybridq's backend tensornet, its matrix product states, and Aer's through hybridq."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hybridq as hq
from hybridq.contract.angles import Angles
from hybridq.contract.qubit_circuit import Gate, QubitCircuit

if TYPE_CHECKING:
    from benchmarks.peers.wide_worker import Array, Built

BACKENDS = {"hybridq": "tensornet", "hybridq-mps": "tensornet:mps", "hybridq-aer": "aer:mps"}


def build(asked: dict[str, Any]) -> Built:
    """Every call submits a Task, as a user's would."""
    n, m = asked["n"], asked["n_angles"]
    gates = tuple(Gate(name, tuple(qubits), None if k < 0 else k) for name, qubits, k in asked["gates"])
    circuit = QubitCircuit(n, gates, Angles.separate(m), tuple(f"a{k}" for k in range(m)))
    labels = [("".join(letters.get(str(q), "I") for q in reversed(range(n))), c) for letters, c in asked["terms"]]
    observable = hq.PauliSum.of(labels)
    name = BACKENDS[asked["engine"]]
    threads = {"threads": asked["threads"]} if name.startswith("tensornet") else {}
    backend = hq.backend(name, **threads)

    def energy(row: Array) -> float:
        return float(backend.submit([hq.Task(circuit, row, observable)]).result()[0].value[0])

    def gradient(row: Array) -> tuple[float, Array]:
        found = backend.submit([hq.Task(circuit, row, observable, driver="gradient")]).result()[0]
        return float(found.energy[0]), found.value[0]

    return energy, gradient if name == "tensornet" else None, {"backend": name, **threads}
