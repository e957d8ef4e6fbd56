"""Promises about what a backend refuses, and what it leaves alone."""

from __future__ import annotations

import unittest

import numpy as np

from hybridq.contract.circuit import product
from hybridq.contract.errors import CapacityError, HybridqError
from hybridq.contract.generators import single
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import DRIVERS, OBSERVED, Task
from hybridq.testing.asking import Asking
from hybridq.testing.promises import promise


class RefusalPromises(Asking):
    """What cannot be done is an error, and what was asked is left as it was."""

    @promise
    def test_a_driver_that_is_not_claimed_is_refused(self) -> None:
        """An error, never a made-up value."""
        backend = self._backend()
        missing = sorted(set(DRIVERS) - backend.capabilities.drivers)
        if not missing:
            raise unittest.SkipTest("offers every driver")
        for driver in missing:
            task = self._task(backend, self._cases(backend)[0], driver)
            try:
                result = self._run(backend, task)
            except HybridqError:
                continue
            raise AssertionError(f"driver {driver!r} is not claimed, yet it returned {result!r:.200}")

    @promise
    def test_a_circuit_wider_than_max_qubits_raises_capacity_error(self) -> None:
        """Before any work is done."""
        backend = self._backend()
        claims = backend.capabilities
        n = claims.max_qubits // 2 + 1
        driver = next(d for d in ("counts", "rdm", "energy", "gradient", "metric") if d in claims.drivers)
        observed = driver in OBSERVED
        if n > (60 if observed else 5000):
            raise unittest.SkipTest(f"a task of {n} orbitals is too large to make")
        circuit = product(n, (1, 1), [single(0, n - 1, "alpha")] if n > 1 else [])
        observable = Hamiltonian(1.0, np.zeros((n, n)), np.zeros((n, n, n, n))) if observed else None
        shots = 10 if driver == "counts" else None
        task = Task(circuit, np.zeros((1, circuit.n_parameters)), observable, driver, shots=shots)
        try:
            self._run(backend, task)
        except CapacityError:
            return
        raise AssertionError(f"{2 * n} qubits were taken, max_qubits is {backend.capabilities.max_qubits}")

    @promise
    def test_nan_never_becomes_a_number(self) -> None:
        """Rows that were spoilt after the task was made: an error or NaN, never a finite energy."""
        backend = self._backend()
        driver = self._values(backend)
        if driver not in ("energy", "gradient"):
            raise unittest.SkipTest("offers neither energies nor gradients")
        task = self._task(backend, self._cases(backend)[0], driver)
        object.__setattr__(task, "params", np.full_like(task.params, np.nan))
        try:
            result = self._run(backend, task)
        except HybridqError:
            return
        assert not np.isfinite(np.asarray(result.value)).any(), f"parameters of NaN gave {result.value}"

    @promise
    def test_a_task_is_left_as_it_was(self) -> None:
        """Rows and integrals are not written to."""
        backend = self._backend()
        for driver in sorted(backend.capabilities.drivers):
            case = self._cases(backend)[1]
            task = self._task(backend, case, driver)
            rows = task.params.copy()
            digests = (task.circuit.digest, case.hamiltonian.one_body.tobytes(), case.hamiltonian.two_body.tobytes())
            self._run(backend, task)
            assert np.array_equal(task.params, rows), f"{driver!r} wrote to the task's parameters"
            after = (task.circuit.digest, case.hamiltonian.one_body.tobytes(), case.hamiltonian.two_body.tobytes())
            assert digests == after, f"{driver!r} wrote to the task's circuit or observable"
