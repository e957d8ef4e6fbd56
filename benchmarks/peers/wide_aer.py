"""Qiskit Aer's matrix product states.

The circuit is built once, angles are bound by `assign_parameters`: for hundreds of parameters that is faster than
`parameter_binds` and than Aer's EstimatorV2. Aer's LAPACK option (`mps_lapack`) is left alone: it is no faster on
lines, and Aer 0.18.2 crashes with it on rings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

if TYPE_CHECKING:
    from benchmarks.peers.wide_worker import Array, Built


def build(asked: dict[str, Any]) -> Built:
    """`save_expectation_value` of the whole sum, nothing truncated but what is below Aer's 1e-16."""
    n = asked["n"]
    parameters = ParameterVector("a", asked["n_angles"])
    circuit = QuantumCircuit(n)
    for name, qubits, k in asked["gates"]:
        getattr(circuit, name)(*([] if k < 0 else [parameters[k]]), *qubits)
    labels = [("".join(letters.get(str(q), "I") for q in reversed(range(n))), c) for letters, c in asked["terms"]]
    circuit.save_expectation_value(SparsePauliOp.from_list(labels), list(range(n)))
    options = {"method": "matrix_product_state", "max_parallel_threads": asked["threads"]}
    simulator = AerSimulator(**options)

    def energy(row: Array) -> float:
        return float(np.real(simulator.run(circuit.assign_parameters(row)).result().data(0)["expectation_value"]))

    return energy, None, options
