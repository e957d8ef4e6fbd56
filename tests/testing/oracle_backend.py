"""A correct backend with every driver, made of the kit's own oracle; the broken ones are made from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridq.contract.backend import Capabilities, Cost, LocalBackend
from hybridq.contract.errors import CapacityError
from hybridq.contract.task import DRIVERS, Metric, Result, Task
from hybridq.testing.oracle import Oracle


class OracleBackend(LocalBackend):
    max_qubits = 12
    drivers = frozenset(DRIVERS)

    @property
    def name(self) -> str:
        return "oracle"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(self.max_qubits, self.drivers)

    def cost(self, tasks: Sequence[Task]) -> Cost:
        return Cost(sum(1e-3 * task.n_rows for task in tasks), 1 << 20)

    def run(self, task: Task) -> Result:
        if task.circuit.n_qubits > self.max_qubits:
            raise CapacityError(f"{task.circuit.n_qubits} qubits wanted, {self.max_qubits} there are")
        provenance = {"backend": self.name}
        oracle = Oracle(task.circuit)
        if task.driver == "counts":
            value = tuple(self.sample(oracle, task, i) for i in range(task.n_rows))
            return Result(value, np.zeros(task.n_rows), provenance=provenance)
        if task.driver == "rdm":
            return Result(tuple(oracle.rdm(row) for row in task.params), np.zeros(task.n_rows), provenance=provenance)
        if task.driver == "metric":
            found = [oracle.metric(task.observable, row) for row in task.params]
            columns = list(task.metric_columns)
            value = tuple(Metric(x.overlap[:, columns], x.hamiltonian[:, columns]) for x in found)
            return Result(value, np.zeros(task.n_rows), provenance=provenance)
        energies = oracle.energies(task.observable, task.params)
        if task.driver == "energy":
            return Result(energies, np.zeros_like(energies), provenance=provenance)
        gradients = oracle.gradients(task.observable, task.params)
        return Result(gradients, np.zeros_like(gradients), energies, np.zeros_like(energies), provenance)

    def sample(self, oracle: Oracle, task: Task, i: int) -> dict[str, int]:
        probabilities = oracle.probabilities(task.params[i])
        rng = np.random.default_rng([task.seed, i])
        weights = np.array(list(probabilities.values()))
        numbers = rng.multinomial(task.shots, weights / weights.sum())
        return {bits: int(k) for bits, k in zip(probabilities, numbers, strict=True) if k}
