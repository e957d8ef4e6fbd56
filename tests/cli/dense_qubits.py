"""A backend of qubit circuits made of Qiskit's Statevector: slow, plain, energies only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridq.contract.backend import Capabilities, Cost, LocalBackend
from hybridq.contract.task import Result, Task


class DenseQubits(LocalBackend):
    name = "dense-qubits"
    capabilities = Capabilities(10, frozenset({"energy"}), frozenset({"QubitCircuit"}))

    def cost(self, tasks: Sequence[Task]) -> Cost:
        return Cost(sum(1e-2 * task.n_rows for task in tasks), 1 << 20)

    def run(self, task: Task) -> Result:
        from qiskit.quantum_info import Statevector

        circuit = task.qubits.to_qiskit().remove_final_measurements(inplace=False)
        matrix = task.paulis.to_matrix()
        energies = []
        for row in task.params:
            v = Statevector(circuit.assign_parameters(dict(zip(circuit.parameters, row, strict=True)))).data
            energies.append(np.vdot(v, matrix @ v).real)
        return Result(np.array(energies), np.zeros(len(energies)), provenance={"backend": self.name})
