"""How the conformance kit asks a backend, and holds what comes back against the oracle."""

from __future__ import annotations

import dataclasses
import unittest

import numpy as np

from hybridq.contract.backend import Backend
from hybridq.contract.task import DRIVERS, OBSERVED, RDM, Driver, Metric, Result, Task
from hybridq.derive import speaking
from hybridq.testing.cases import Case, cases
from hybridq.testing.compare import arrays, within
from hybridq.testing.oracle import Oracle
from hybridq.testing.promises import Kit

EXACT = 1e-9  # hartree: what rounding may cost
DERIVATIVE = 1e-8  # hartree per radian: the oracle's finite differences are good to 1e-11 each


class Asking(Kit):
    """Base of the promises: the backend, how precisely it is asked, and what is right."""

    precision: float = 0.02
    shots: int = 4000
    timeout: float = 3600.0
    qubits: int = 8

    def backend(self) -> Backend:
        """A new backend, ready to work; called at least once for each promise.

        Raises:
            NotImplementedError: a subclass must give it.
        """
        raise NotImplementedError("a BackendConformance subclass must define backend(self)")

    def _backend(self) -> Backend:
        """The same; for a backend of qubits the kit's fermionic circuits are lowered, as in a run."""
        return speaking(self.backend(), cases()[0].circuit)

    def _offering(self, driver: Driver) -> Backend:
        backend = self._backend()
        if driver not in backend.capabilities.drivers:
            raise unittest.SkipTest(f"offers no {driver!r}")
        return backend

    def _noiseless_counts(self) -> Backend:
        backend = self._offering("counts")
        if not backend.capabilities.exact:
            raise unittest.SkipTest("does not claim exact values")
        return backend

    def _values(self, backend: Backend) -> Driver:
        """The plainest driver on offer."""
        return next(driver for driver in DRIVERS if driver in backend.capabilities.drivers)

    def _cases(self, backend: Backend) -> list[Case]:
        if "FermionicCircuit" not in backend.capabilities.languages:
            raise unittest.SkipTest("takes no FermionicCircuit")
        width = min(backend.capabilities.max_qubits, self.qubits)
        fitting = [case for case in cases() if case.circuit.n_qubits <= width]
        if len(fitting) < 2:
            raise unittest.SkipTest(f"there are {width} qubits; the kit's circuits need 6")
        return fitting

    def _task(self, backend: Backend, case: Case, driver: Driver) -> Task:
        observable = case.hamiltonian if driver in OBSERVED else None
        precision = None if backend.capabilities.exact else self.precision
        shots = self.shots if driver == "counts" else None
        return Task(case.circuit, case.rows.copy(), observable, driver, precision=precision, shots=shots, seed=11)

    def _some_task(self, backend: Backend) -> Task:
        return self._task(backend, self._cases(backend)[0], self._values(backend))

    def _run(self, backend: Backend, task: Task) -> Result:
        results = backend.submit([task]).result(self.timeout)
        assert len(results) == 1, f"one task brought back {len(results)} results"
        assert isinstance(results[0], Result), f"a result is a {type(results[0]).__name__}"
        return results[0]

    def _right(self, backend: Backend, task: Task, result: Result, when: str) -> None:
        """Hold one result against the oracle, whatever its driver."""
        name = f"{task.driver} of {task.circuit.name!r} {when}".rstrip()
        oracle = Oracle(task.fermionic)
        if task.driver == "counts":
            for counts in result.value:
                assert sum(counts.values()) == task.shots, f"{name} adds up to {sum(counts.values())}"
                assert all(len(bits) == task.circuit.n_qubits for bits in counts), f"{name} has another width"
            return
        if task.driver == "rdm":
            assert len(result.value) == task.n_rows, f"{name} has {len(result.value)} entries for {task.n_rows} rows"
            return
        assert task.hamiltonian is not None
        if task.driver == "metric":
            _right_metrics(task, result, name)
            return
        if task.driver == "energy":
            shape: tuple[int, ...] = (task.n_rows,)
            exact, tolerance = oracle.energies(task.hamiltonian, task.params), EXACT
        else:
            shape = (task.n_rows, task.circuit.n_parameters)
            exact, tolerance = oracle.gradients(task.hamiltonian, task.params), DERIVATIVE
        values, errors = arrays(result.value, result.stderr, shape, name)
        if task.precision is not None:
            worst = float(errors.max(initial=0.0))
            assert worst <= 2 * task.precision, (
                f"{name}: standard error {worst:.3g}, {task.precision:.3g} was asked for"
            )
        within(np.abs(values - exact), errors, tolerance, name)

    def _counts(self, backend: Backend, case: Case, seed: int = 11) -> list[dict[str, int]]:
        task = dataclasses.replace(self._task(backend, case, "counts"), seed=seed)
        value = self._run(backend, task).value
        assert len(value) == task.n_rows, f"counts has {len(value)} entries for {task.n_rows} rows"
        return [dict(counts) for counts in value]

    def _rdms(self, backend: Backend, case: Case) -> list[tuple[int, RDM, float]]:
        result = self._run(backend, self._task(backend, case, "rdm"))
        errors = np.asarray(result.stderr, dtype=float)
        assert len(result.value) == len(case.rows), f"rdm has {len(result.value)} entries for {len(case.rows)} rows"
        assert errors.shape == (len(case.rows),), (
            f"stderr of rdm has shape {errors.shape}; it needs a number for each row"
        )
        return [(i, rdm, float(errors[i])) for i, rdm in enumerate(result.value)]


def _right_metrics(task: Task, result: Result, name: str) -> None:
    """Hold metrics against the oracle's."""
    assert task.hamiltonian is not None
    errors = np.asarray(result.stderr, dtype=float)
    assert len(result.value) == task.n_rows, f"{name} has {len(result.value)} entries for {task.n_rows} rows"
    assert errors.shape == (task.n_rows,), f"stderr of {name} has shape {errors.shape}; it needs a number for each row"
    columns = list(task.metric_columns)
    shape = (task.circuit.n_parameters, len(columns))
    for row, found, noise in zip(task.params, result.value, errors, strict=True):
        assert isinstance(found, Metric), f"{name} has a {type(found).__name__}, not a Metric"
        exact = Oracle(task.fermionic).metric(task.hamiltonian, row)
        for part in ("overlap", "hamiltonian"):
            values, _ = arrays(getattr(found, part), np.zeros(shape), shape, f"Metric.{part} of {name}")
            gap = np.abs(values - getattr(exact, part)[:, columns])
            within(gap, noise, DERIVATIVE, f"Metric.{part} of {name}")
