"""BackendConformance: the promises of a backend, in words."""

from __future__ import annotations

import dataclasses
import json
import math
import time
import unittest
from collections.abc import Mapping

import numpy as np

from hybridq.contract.backend import Backend, Cost, Placement, Status
from hybridq.contract.circuit import product
from hybridq.contract.errors import CapacityError, HybridqError, JobNotFound
from hybridq.contract.generators import single
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import DRIVERS, OBSERVED, RDM, Driver, Metric, Result, Task
from hybridq.testing.cases import Case, bare_case, cases
from hybridq.testing.compare import arrays, follows, same, within
from hybridq.testing.oracle import Oracle
from hybridq.testing.promises import Kit, promise, refuse_changes

EXACT = 1e-9  # hartree: what rounding may cost
DERIVATIVE = 1e-8  # hartree per radian: the oracle's finite differences are good to 1e-11 each


class BackendConformance(Kit):
    """Subclass it and give `backend`; pytest collects the subclass if its name begins with ``Test``.

    Which promises apply follows from the backend's capabilities. A value may be off by 1e-9 plus six of the standard
    errors that came with it. A backend that is not exact is asked for a standard error of `precision`.

    Attributes:
        precision: standard error in hartree that is asked of a backend that is not exact.
        shots: samples for each row where counts are asked for.
        timeout: seconds to wait for one job.
    """

    precision: float = 0.02
    shots: int = 4000
    timeout: float = 3600.0

    def backend(self) -> Backend:
        """A new backend, ready to work; called at least once for each promise.

        Raises:
            NotImplementedError: a subclass must give it.
        """
        raise NotImplementedError("a BackendConformance subclass must define backend(self)")

    # -- what it says of itself ----------------------------------------------------------------------------------

    @promise
    def test_no_promise_is_overridden_or_deleted_without_a_reason(self) -> None:
        """The kit itself is whole."""
        refuse_changes(type(self))

    @promise
    def test_name_and_capabilities_are_well_formed(self) -> None:
        """Five members; a name; a width; known drivers."""
        backend = self.backend()
        assert isinstance(backend, Backend), f"{type(backend).__name__} lacks one of the five members of a Backend"
        assert isinstance(backend.name, str), f"name is {backend.name!r}, not a text"
        assert backend.name.strip(), "name is empty"
        claims = backend.capabilities
        width = claims.max_qubits
        assert isinstance(width, int) and width >= 1, f"max_qubits is {width!r}; it must be an int of at least 1"  # noqa: PT018
        assert isinstance(claims.drivers, frozenset), f"drivers is a {type(claims.drivers).__name__}, not a frozenset"
        assert claims.drivers, "drivers is empty: it brings back nothing"
        unknown = claims.drivers - set(DRIVERS)
        assert not unknown, f"drivers names {sorted(unknown)}; known: {DRIVERS}"
        assert claims.languages, "languages is empty: it takes no circuit"
        assert isinstance(claims.placement, Placement), f"placement is {claims.placement!r}"
        assert isinstance(claims.exact, bool), f"exact is {claims.exact!r}"
        assert isinstance(claims.durable_jobs, bool), f"durable_jobs is {claims.durable_jobs!r}"

    @promise
    def test_cost_is_finite_and_not_negative(self) -> None:
        """Seconds, bytes, shots and dollars are numbers within reason."""
        backend = self.backend()
        for driver in sorted(backend.capabilities.drivers):
            for case in self._cases(backend):
                cost = backend.cost([self._task(backend, case, driver)])
                assert isinstance(cost, Cost), f"cost returned a {type(cost).__name__}"
                for name in ("seconds", "bytes", "shots", "dollars"):
                    value = getattr(cost, name)
                    assert math.isfinite(value), f"cost.{name} of {driver!r} is {value}"
                    assert value >= 0, f"cost.{name} of {driver!r} is {value}"
                assert cost.seconds < 1e6, f"cost.seconds is {cost.seconds:.3g} for three rows of at most 8 qubits"
                assert cost.bytes < 1 << 36, f"cost.bytes is {cost.bytes:.3g} for three rows of at most 8 qubits"
                assert cost.bytes == int(cost.bytes), f"cost.bytes is {cost.bytes}"

    @promise
    def test_cost_runs_nothing_and_does_not_fall_with_more_rows(self) -> None:
        """200,000 rows are priced within two seconds, and not below three rows."""
        backend = self.backend()
        driver = self._values(backend)
        case = self._cases(backend)[-1]
        few = self._task(backend, case, driver)
        many = dataclasses.replace(few, params=np.zeros((200_000, case.circuit.n_parameters)))
        low = backend.cost([few])
        start = time.perf_counter()
        try:
            high = backend.cost([many])
        except CapacityError:
            high = low
        seconds = time.perf_counter() - start
        assert seconds < 2.0, f"cost took {seconds:.1f} s for 200,000 rows: it must predict, not run"
        assert high.seconds >= low.seconds, f"200,000 rows cost {high.seconds} s, three rows {low.seconds} s"

    # -- jobs ----------------------------------------------------------------------------------------------------

    @promise
    def test_a_job_is_found_again_by_its_id(self) -> None:
        """`job(id)` gives the same results; ids are texts that JSON can hold, and differ."""
        backend = self.backend()
        task = self._some_task(backend)
        first, second = backend.submit([task]), backend.submit([task])
        for job in (first, second):
            assert isinstance(job.id, str), f"job.id is a {type(job.id).__name__}, not a text that JSON can hold"
            assert json.loads(json.dumps(job.id)) == job.id
            assert job.id.strip(), "job.id is empty"
        assert first.id != second.id, f"two jobs have the same id {first.id!r}"
        results = first.result(self.timeout)
        found = backend.job(first.id)
        assert found.id == first.id, f"job({first.id!r}) came back with the id {found.id!r}"
        same(found.result(self.timeout), results, "the job found by its id has other results")

    @promise
    def test_a_finished_job_says_so(self) -> None:
        """Status is done after `result`, and `cancel` is then harmless."""
        backend = self.backend()
        job = backend.submit([self._some_task(backend)])
        assert isinstance(job.status(), Status), f"status is {job.status()!r}"
        results = job.result(self.timeout)
        assert job.status() is Status.DONE, f"status is {job.status()} after result() returned"
        job.cancel()
        same(job.result(self.timeout), results, "a finished job lost its results by cancel()")

    @promise
    def test_an_unknown_job_id_raises_job_not_found(self) -> None:
        """No other error, and no job."""
        backend = self.backend()
        name = "no such job 3f1b"
        try:
            job = backend.job(name)
        except JobNotFound:
            return
        raise AssertionError(f"job({name!r}) returned {job!r}; it must raise JobNotFound")

    @promise
    def test_a_durable_job_is_found_by_another_backend_object(self) -> None:
        """Where durable_jobs is claimed, the id alone is enough."""
        backend = self.backend()
        if not backend.capabilities.durable_jobs:
            raise unittest.SkipTest("claims no durable jobs")
        job = backend.submit([self._some_task(backend)])
        again = self.backend().job(job.id)
        same(again.result(self.timeout), job.result(self.timeout), "another backend object found other results")

    @promise
    def test_one_result_for_each_task_in_order(self) -> None:
        """Two different tasks in one job come back as they do alone."""
        backend = self.backend()
        driver = self._values(backend)
        tasks = [self._task(backend, case, driver) for case in self._cases(backend)[:2]]
        together = backend.submit(tasks).result(self.timeout)
        assert len(together) == 2, f"two tasks brought back {len(together)} results"
        for task, result in zip(tasks, together, strict=True):
            self._right(backend, task, result, "in a job of two tasks")

    @promise
    def test_provenance_can_be_held_by_json(self) -> None:
        """Texts and numbers, without NaN."""
        backend = self.backend()
        for driver in sorted(backend.capabilities.drivers):
            result = self._run(backend, self._task(backend, self._cases(backend)[0], driver))
            assert isinstance(result.provenance, Mapping), f"provenance is a {type(result.provenance).__name__}"
            held = json.loads(json.dumps(dict(result.provenance), allow_nan=False))
            assert set(held) == set(result.provenance), "keys of provenance must be texts"

    # -- what it must refuse -------------------------------------------------------------------------------------

    @promise
    def test_a_driver_that_is_not_claimed_is_refused(self) -> None:
        """An error, never a made-up value."""
        backend = self.backend()
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
        backend = self.backend()
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
        backend = self.backend()
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
        backend = self.backend()
        for driver in sorted(backend.capabilities.drivers):
            case = self._cases(backend)[1]
            task = self._task(backend, case, driver)
            rows = task.params.copy()
            digests = (task.circuit.digest, case.hamiltonian.one_body.tobytes(), case.hamiltonian.two_body.tobytes())
            self._run(backend, task)
            assert np.array_equal(task.params, rows), f"{driver!r} wrote to the task's parameters"
            after = (task.circuit.digest, case.hamiltonian.one_body.tobytes(), case.hamiltonian.two_body.tobytes())
            assert digests == after, f"{driver!r} wrote to the task's circuit or observable"

    # -- energies ------------------------------------------------------------------------------------------------

    @promise
    def test_energy_of_the_reference_determinant(self) -> None:
        """Rows of zeros, and a circuit without factors."""
        backend = self._offering("energy")
        for case in [*self._cases(backend), *([bare_case()] if backend.capabilities.max_qubits >= 6 else [])]:
            task = self._task(backend, dataclasses.replace(case, rows=np.zeros_like(case.rows)), "energy")
            self._right(backend, task, self._run(backend, task), "at zero parameters")

    @promise
    def test_energy_of_any_circuit(self) -> None:
        """Singles, doubles, number factors, imaginary ones, shared parameters; closed and open shells."""
        backend = self._offering("energy")
        for case in self._cases(backend):
            task = self._task(backend, case, "energy")
            self._right(backend, task, self._run(backend, task), "")

    @promise
    def test_rows_together_equal_rows_alone(self) -> None:
        """A batch is nothing but its rows, in order."""
        backend = self.backend()
        driver = self._values(backend)
        if driver not in ("energy", "gradient"):
            raise unittest.SkipTest("offers neither energies nor gradients")
        for case in self._cases(backend):
            together = self._run(backend, self._task(backend, case, driver))
            for i in range(len(case.rows)):
                alone = self._run(backend, self._task(backend, dataclasses.replace(case, rows=case.rows[i]), driver))
                gap = np.abs(np.asarray(together.value)[i] - np.asarray(alone.value)[0])
                noise = np.hypot(np.asarray(together.stderr)[i], np.asarray(alone.stderr)[0])
                within(gap, noise, EXACT, f"{driver} of row {i} of {case.circuit.name!r} in a batch and alone")

    @promise
    def test_exact_values_have_standard_errors_of_exactly_zero(self) -> None:
        """Where exact is claimed and no shots are asked for."""
        backend = self.backend()
        if not backend.capabilities.exact:
            raise unittest.SkipTest("does not claim exact values")
        for driver in sorted(backend.capabilities.drivers - {"counts"}):
            result = self._run(backend, self._task(backend, self._cases(backend)[1], driver))
            errors = np.asarray(result.stderr, dtype=float)
            assert (errors == 0.0).all(), f"{driver!r} claims to be exact, with a standard error of {errors.max()}"

    @promise
    def test_exact_values_are_the_same_bits_again(self) -> None:
        """The same task twice, with another between."""
        backend = self.backend()
        if not backend.capabilities.exact:
            raise unittest.SkipTest("does not claim exact values")
        driver = self._values(backend)
        if driver not in ("energy", "gradient"):
            raise unittest.SkipTest("offers neither energies nor gradients")
        small, large = self._cases(backend)[0], self._cases(backend)[-1]
        first = self._run(backend, self._task(backend, large, driver))
        self._run(backend, self._task(backend, small, driver))
        again = self._run(backend, self._task(backend, large, driver))
        same([again], [first], "the same task gave other values the second time")

    # -- gradients -----------------------------------------------------------------------------------------------

    @promise
    def test_gradient_equals_finite_differences(self) -> None:
        """Of the oracle's energies, by parameter: shared and scaled ones too."""
        backend = self._offering("gradient")
        for case in self._cases(backend):
            task = self._task(backend, case, "gradient")
            self._right(backend, task, self._run(backend, task), "")

    @promise
    def test_gradient_brings_the_energies_along(self) -> None:
        """`Result.energy` and `Result.energy_stderr`."""
        backend = self._offering("gradient")
        for case in self._cases(backend):
            result = self._run(backend, self._task(backend, case, "gradient"))
            assert result.energy is not None, "Result.energy is None for driver 'gradient'"
            assert result.energy_stderr is not None, "Result.energy_stderr is None for driver 'gradient'"
            values, errors = arrays(result.energy, result.energy_stderr, (len(case.rows),), "energy of a gradient")
            exact = Oracle(case.circuit).energies(case.hamiltonian, case.rows)
            within(np.abs(values - exact), errors, EXACT, f"energy beside the gradient of {case.circuit.name!r}")

    # -- counts --------------------------------------------------------------------------------------------------

    @promise
    def test_counts_add_up_to_the_shots_of_each_row(self) -> None:
        """Bit strings of the circuit's width, positive whole numbers."""
        backend = self._offering("counts")
        for case in self._cases(backend):
            for counts in self._counts(backend, case):
                for bits, number in counts.items():
                    assert isinstance(bits, str), f"a bit string is a text, got {bits!r}"
                    assert len(bits) == case.circuit.n_qubits, f"{bits!r} has not {case.circuit.n_qubits} bits"
                    assert set(bits) <= {"0", "1"}, f"{bits!r} has other characters than 0 and 1"
                    assert number == int(number) >= 1, f"{bits!r} was counted {number} times"
                total = sum(counts.values())
                assert total == self.shots, f"{self.shots} shots were asked for, {total} counted"

    @promise
    def test_counts_of_the_reference_determinant_have_its_bits(self) -> None:
        """Spin orbital 0 is the rightmost bit, all alpha orbitals before all beta."""
        backend = self._offering("counts")
        for case in self._cases(backend):
            circuit = case.circuit
            alpha, beta = circuit.reference
            occupied = {*alpha, *(circuit.n_orbitals + p for p in beta)}
            expected = "".join("1" if m in occupied else "0" for m in reversed(range(circuit.n_qubits)))
            counts = self._counts(backend, dataclasses.replace(case, rows=np.zeros((1, circuit.n_parameters))))[0]
            most = max(counts, key=lambda bits: counts[bits])
            assert most == expected, f"the determinant {circuit.reference} was counted as {most}, not {expected}"
            if backend.capabilities.exact:
                assert len(counts) == 1, f"one determinant was prepared, {len(counts)} were counted"

    @promise
    def test_counts_keep_the_electron_numbers(self) -> None:
        """Alpha and beta electrons of every sample, for a backend without noise."""
        backend = self._noiseless_counts()
        for case in self._cases(backend):
            n = case.circuit.n_orbitals
            for counts in self._counts(backend, case):
                for bits in counts:
                    found = (bits[n:].count("1"), bits[:n].count("1"))
                    wanted = (case.circuit.n_alpha, case.circuit.n_beta)
                    assert found == wanted, f"{bits} holds {found} alpha and beta electrons, not {wanted}"

    @promise
    def test_counts_follow_the_state(self) -> None:
        """Chi-square against the oracle's probabilities, within six standard deviations."""
        backend = self._noiseless_counts()
        for case in self._cases(backend):
            oracle = Oracle(case.circuit)
            for row, counts in zip(case.rows, self._counts(backend, case), strict=True):
                follows(counts, oracle.probabilities(row), self.shots, case.circuit.name)

    @promise
    def test_counts_repeat_with_the_seed(self) -> None:
        """The same seed, the same counts; another seed, others."""
        backend = self._offering("counts")
        if backend.capabilities.placement is Placement.ROOT:
            raise unittest.SkipTest("hardware takes no seed")
        case = self._cases(backend)[-1]
        first, again, other = (self._counts(backend, case, seed) for seed in (7, 7, 8))
        assert first == again, "the same seed gave other counts"
        assert first != other, "seeds 7 and 8 gave the same counts: the seed is not used"

    # -- density matrices ----------------------------------------------------------------------------------------

    @promise
    def test_rdm_equals_the_oracle(self) -> None:
        """Element by element."""
        backend = self._offering("rdm")
        for case in self._cases(backend):
            oracle = Oracle(case.circuit)
            for i, rdm, noise in self._rdms(backend, case):
                exact = oracle.rdm(case.rows[i])
                for name, ours, theirs in (("one", rdm.one, exact.one), ("two", rdm.two, exact.two)):
                    assert np.shape(ours) == theirs.shape, f"RDM.{name} has shape {np.shape(ours)}, not {theirs.shape}"
                    gap = np.abs(np.asarray(ours) - theirs)
                    within(gap, np.asarray(noise), EXACT, f"RDM.{name} of row {i} of {case.circuit.name!r}")

    @promise
    def test_rdm_contracts_to_the_energy_and_traces_to_the_electrons(self) -> None:
        """For a backend without noise."""
        backend = self._offering("rdm")
        if not backend.capabilities.exact:
            raise unittest.SkipTest("does not claim exact values")
        for case in self._cases(backend):
            h, n_electrons = case.hamiltonian, case.circuit.n_alpha + case.circuit.n_beta
            energies = Oracle(case.circuit).energies(h, case.rows)
            for i, rdm, _ in self._rdms(backend, case):
                energy = h.constant + np.sum(h.one_body * rdm.one) + 0.5 * np.sum(h.two_body * rdm.two)
                assert abs(energy - energies[i]) < 1e-8, f"RDMs of row {i} give {energy}, the energy is {energies[i]}"
                assert abs(np.trace(rdm.one) - n_electrons) < 1e-8, f"trace of RDM.one is {np.trace(rdm.one)}"
                partial = np.einsum("pqrr->pq", rdm.two)
                gap = np.abs(partial - (n_electrons - 1) * np.asarray(rdm.one)).max()
                assert gap < 1e-8, f"sum_r two_pqrr differs from (N - 1) one_pq by {gap:.3g}"

    # -- the metric ----------------------------------------------------------------------------------------------

    @promise
    def test_metric_equals_the_oracle(self) -> None:
        """Element by element, parts along the state taken out: shared, scaled and imaginary factors too."""
        backend = self._offering("metric")
        for case in self._cases(backend):
            task = self._task(backend, case, "metric")
            self._right(backend, task, self._run(backend, task), "")

    @promise
    def test_metric_columns_come_as_they_were_asked_for(self) -> None:
        """Some columns, in an order of the caller's; no column at all."""
        backend = self._offering("metric")
        for case in self._cases(backend):
            task = self._task(backend, case, "metric")
            for columns in (tuple(range(case.circuit.n_parameters))[::-2], ()):
                some = dataclasses.replace(task, columns=columns)
                self._right(backend, some, self._run(backend, some), f"with columns {columns}")

    # -- how they are asked --------------------------------------------------------------------------------------

    def _offering(self, driver: Driver) -> Backend:
        backend = self.backend()
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
        fitting = [case for case in cases() if case.circuit.n_qubits <= backend.capabilities.max_qubits]
        if len(fitting) < 2:
            raise unittest.SkipTest(f"max_qubits is {backend.capabilities.max_qubits}; the kit's circuits need 6")
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
