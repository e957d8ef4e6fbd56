"""Promises about values: energies, gradients, counts, density matrices and the metric, against the oracle."""

from __future__ import annotations

import dataclasses
import unittest

import numpy as np

from hybridq.contract.backend import Placement
from hybridq.testing.asking import EXACT, Asking
from hybridq.testing.cases import bare_case, random_hamiltonian
from hybridq.testing.compare import arrays, follows, same, within
from hybridq.testing.oracle import Oracle
from hybridq.testing.promises import promise


class ValuePromises(Asking):
    """What comes back is right, row by row and task by task."""

    # -- energies ------------------------------------------------------------------------------------------------------

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
        backend = self._backend()
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
    def test_one_task_leaves_no_trace_in_the_next(self) -> None:
        """The circuit with another observable, the observable with other circuits alike, and the first again."""
        backend = self._offering("energy")
        case = self._cases(backend)[0]
        old, n = case.circuit, case.circuit.n_orbitals
        alpha, beta = old.reference
        moved = dataclasses.replace(old, reference=(tuple(n - 1 - p for p in reversed(alpha)), beta))
        scaled = dataclasses.replace(old, factors=(dataclasses.replace(old.factors[0], scale=0.5), *old.factors[1:]))
        others = [
            dataclasses.replace(case, hamiltonian=random_hamiltonian(n, 77)),
            dataclasses.replace(case, circuit=moved),
            dataclasses.replace(case, circuit=scaled),
            dataclasses.replace(case, rows=case.rows[::-1].copy()),
        ]
        for k, one in enumerate((case, *others, case)):
            task = self._task(backend, one, "energy")
            self._right(backend, task, self._run(backend, task), f"(task {k + 1} of six that are alike)")

    @promise
    def test_exact_values_have_standard_errors_of_exactly_zero(self) -> None:
        """Where exact is claimed and no shots are asked for."""
        backend = self._backend()
        if not backend.capabilities.exact:
            raise unittest.SkipTest("does not claim exact values")
        for driver in sorted(backend.capabilities.drivers - {"counts"}):
            result = self._run(backend, self._task(backend, self._cases(backend)[1], driver))
            errors = np.asarray(result.stderr, dtype=float)
            assert (errors == 0.0).all(), f"{driver!r} claims to be exact, with a standard error of {errors.max()}"

    @promise
    def test_exact_values_are_the_same_bits_again(self) -> None:
        """The same task twice, with another between."""
        backend = self._backend()
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

    # -- gradients -----------------------------------------------------------------------------------------------------

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

    # -- counts --------------------------------------------------------------------------------------------------------

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

    # -- density matrices ----------------------------------------------------------------------------------------------

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

    # -- the metric ----------------------------------------------------------------------------------------------------

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
