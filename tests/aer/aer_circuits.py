"""Random circuits and observables, and the energies of other engines."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector

from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import FIXED, TURNS

TWO = ("cx", "cy", "cz", "swap", "rxx", "ryy", "rzz", "cp")


def random_circuit(n, seed, times=2):
    """Every gate of the language at least `times` times, in a random order; parameters shared, scaled and shifted."""
    rng = np.random.default_rng(seed)
    t = ParameterVector("t", 4)
    circuit = QuantumCircuit(n)
    names = [*FIXED, *TURNS] if n > 1 else [name for name in (*FIXED, *TURNS) if name not in TWO]
    for k, name in enumerate(rng.permutation(names * times)):
        places = [int(q) for q in rng.choice(n, 2 if name in TWO else 1, replace=False)]
        words = []
        if name in TURNS:
            angle = float(rng.normal()) * t[k % 4] + float(rng.normal())
            words = [float(rng.normal()) if rng.random() < 0.3 else angle]
        getattr(circuit, name)(*words, *places)
    for q in range(n):
        circuit.ry(t[q % 4], q)
    if n < 4:
        for k in range(n, 4):
            circuit.rz(t[k], 0)
    return circuit


def random_observable(n, seed, n_terms=25):
    rng = np.random.default_rng(seed)
    return PauliSum.of([("".join(rng.choice(list("IXYZ"), n)), float(rng.normal())) for _ in range(n_terms)])


def state_energies(circuit, rows, observable):
    op = observable.to_sparse_pauli_op()
    return np.array([Statevector(circuit.assign_parameters(row)).expectation_value(op).real for row in rows])
