"""Promises about standard errors, of backends that measure with noise."""

from __future__ import annotations

import dataclasses
import math
import unittest

import numpy as np

from hybridq.contract.backend import Backend
from hybridq.qubits import encoding_for, pauli_strings
from hybridq.testing.asking import Asking
from hybridq.testing.cases import Case
from hybridq.testing.compare import arrays
from hybridq.testing.promises import promise

REPEATS = 24
SCATTER = (0.4, 2.0)  # of the scatter of 24 values over their standard error; normal noise leaves it once in 10^5
ABSURD = 10.0  # times the largest standard error that plain sampling of every string can have


class NoisePromises(Asking):
    """Standard errors say how far values scatter, and shots buy precision."""

    @promise
    def test_standard_errors_describe_the_scatter(self) -> None:
        """24 equal rows in one task scatter by 0.4 to 2 times their standard error."""
        backend = self._noisy()
        case = self._cases(backend)[0]
        rows = np.repeat(case.rows[:1], REPEATS, axis=0)
        task = self._task(backend, dataclasses.replace(case, rows=rows), "energy")
        result = self._run(backend, task)
        values, errors = arrays(result.value, result.stderr, (REPEATS,), "energy of equal rows")
        told, scatter = math.sqrt(float(np.mean(errors**2))), float(values.std(ddof=1))
        if told == scatter == 0.0:
            return
        assert SCATTER[0] * told <= scatter <= SCATTER[1] * told, (
            f"{REPEATS} equal rows scatter by {scatter:.3g} hartree, their standard errors say {told:.3g}; "
            "are they sampled anew for each row, and is nothing counted twice?"
        )

    @promise
    def test_standard_errors_fit_the_shots(self) -> None:
        """They fall with the root of the shots in `cost`, and are not absurdly large against them."""
        backend = self._noisy()
        case = self._cases(backend)[0]
        shots, errors = zip(*(self._effort(backend, case, self.precision / k) for k in (1, 4)), strict=True)
        if not shots[0]:
            raise unittest.SkipTest("its cost names no shots")
        code = encoding_for("jordan_wigner", case.circuit)
        strings = pauli_strings(case.hamiltonian, code)
        weight = float(np.abs(strings.coefficients[(strings.x | strings.z).any(axis=1)]).sum())
        for n, error in zip(shots, errors, strict=True):
            most = ABSURD * weight / math.sqrt(n)
            assert error <= most, f"{n} shots gave a standard error of {error:.3g}; {most:.3g} would be poor already"
        assert shots[1] > shots[0], f"a quarter of the standard error costs {shots[1]} shots, the whole one {shots[0]}"
        expected = errors[0] * math.sqrt(shots[0] / shots[1])
        assert expected / 2 <= errors[1] <= 2 * expected, (
            f"{shots[0]} shots gave a standard error of {errors[0]:.3g}, {shots[1]} shots one of {errors[1]:.3g}; "
            f"{expected:.3g} was to be expected"
        )

    def _noisy(self) -> Backend:
        backend = self._offering("energy")
        if backend.capabilities.exact:
            raise unittest.SkipTest("claims exact values")
        return backend

    def _effort(self, backend: Backend, case: Case, precision: float) -> tuple[float, float]:
        """Shots of a row, and its standard error, for a precision in hartree."""
        task = dataclasses.replace(self._task(backend, case, "energy"), precision=precision)
        result = self._run(backend, task)
        errors = np.asarray(result.stderr, dtype=float)
        return backend.cost([task]).shots / task.n_rows, math.sqrt(float(np.mean(errors**2)))
