"""Gradients from energies by exact parameter-shift rules, as one batch of rows.

For ``exp(t G)`` the energy is a trigonometric polynomial in t whose frequencies are the differences between the
eigenvalues of -iG. An excitation (0, 1, -1) has frequencies 1 and 2 and needs four energies, a number product
(0, 1) and a gate of `hybridq.contract.qubit_circuit.TURNS` have frequency 1 and need two. The rules are exact at any
angle; the coefficients are those of equidistant shifts, equation (6) of Wierichs, Izaac, Wang, Lin, arXiv:2107.12390
(doi:10.22331/q-2022-03-30-677); four-term rules for fermionic excitations: Anselmetti, Wierichs, Gogolin, Parrish,
arXiv:2104.05695 (doi:10.1088/1367-2630/ac2cb3) and Kottmann, Anand, Aspuru-Guzik, arXiv:2011.05938
(doi:10.1039/D0SC06627C).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.generators import NumberProduct
from hybridq.contract.task import Circuit, Result, Task

# (shift in radians, coefficient): derivative = sum of coefficient * E(t + shift)
_ONE_FREQUENCY = ((math.pi / 2, 0.5), (-math.pi / 2, -0.5))
_NEAR = 1 / (8 * math.sin(math.pi / 8) ** 2)
_FAR = 1 / (8 * math.sin(3 * math.pi / 8) ** 2)
_TWO_FREQUENCIES = (
    (math.pi / 4, _NEAR),
    (-math.pi / 4, -_NEAR),
    (3 * math.pi / 4, -_FAR),
    (-3 * math.pi / 4, _FAR),
)


def gradient_task(task: Task) -> Task:
    """The energies from which the gradients of `task` follow.

    One row for each row of `task` itself, then 4 for each excitation factor and 2 for each number product or gate
    with an angle, of the circuit with a parameter for each factor or angle: ``n_rows * (1 + n_shifts)`` rows in all.
    `precision` is tightened such that every derivative reaches the precision that `task` asks for.

    Raises:
        InputError: `task` asks for something else than a gradient.
    """
    if task.driver != "gradient":
        raise InputError(f"the shift rule gives gradients; the task's driver is {task.driver!r}")
    factors, shifts, coefficients = _rule(task.circuit)
    by_factor = np.array([task.circuit.angles(row) for row in task.params]).reshape(task.n_rows, -1)
    rows = np.repeat(by_factor[:, None, :], 1 + len(factors), axis=1)
    rows[:, np.arange(1, 1 + len(factors)), factors] += shifts
    precision = task.precision
    if precision is not None:
        ones = np.ones(len(factors))
        variances = [_variance_by_parameter(task.circuit, row, factors, coefficients, ones) for row in task.params]
        precision /= max(1.0, math.sqrt(np.max(variances, initial=0.0)))
    return replace(
        task,
        circuit=task.circuit.unshared(),
        params=rows.reshape(task.n_rows * (1 + len(factors)), by_factor.shape[1]),
        driver="energy",
        precision=precision,
    )


def gradient_from_result(task: Task, result: Result) -> Result:
    """The gradients of `task` from the result of `gradient_task(task)`, standard errors propagated."""
    factors, _, coefficients = _rule(task.circuit)
    shape = (task.n_rows, 1 + len(factors))
    energies = np.asarray(result.value, dtype=np.float64).reshape(shape)
    errors = np.asarray(result.stderr, dtype=np.float64).reshape(shape)
    value = np.zeros((task.n_rows, task.circuit.n_parameters))
    variance = np.zeros_like(value)
    for i in range(task.n_rows):
        row = task.params[i]
        by_factor = _sums(factors, coefficients * energies[i, 1:], _n_factors(task.circuit))
        if isinstance(task.circuit, FermionicCircuit):
            value[i] = task.circuit.gather(by_factor)
        else:
            value[i] = task.circuit.angles_map.gather(by_factor, row)
        variance[i] = _variance_by_parameter(task.circuit, row, factors, coefficients, errors[i, 1:] ** 2)
    provenance = {**result.provenance, "derived": "gradient by parameter shifts", "derived_rows": int(energies.size)}
    return Result(value, np.sqrt(variance), energies[:, 0].copy(), errors[:, 0].copy(), provenance)


def _n_factors(circuit: Circuit) -> int:
    return len(circuit.factors) if isinstance(circuit, FermionicCircuit) else circuit.n_angles


def _rule(circuit: Circuit) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Factor, shift and coefficient of every shifted row, shapes (n_shifts,)."""
    factors: list[int] = []
    terms: list[tuple[float, float]] = []
    if isinstance(circuit, FermionicCircuit):
        single = [isinstance(factor.generator, NumberProduct) for factor in circuit.factors]
    else:
        single = [True] * circuit.n_angles
    for k, one_frequency in enumerate(single):
        rule = _ONE_FREQUENCY if one_frequency else _TWO_FREQUENCIES
        factors += [k] * len(rule)
        terms += rule
    shifts, coefficients = np.array(terms, dtype=np.float64).reshape(-1, 2).T
    return np.array(factors, dtype=np.intp), shifts, coefficients


def _variance_by_parameter(
    circuit: Circuit,
    row: NDArray[np.float64],
    factors: NDArray[np.intp],
    coefficients: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> NDArray[np.float64]:
    by_factor = _sums(factors, coefficients**2 * variances, _n_factors(circuit))
    if not isinstance(circuit, FermionicCircuit):
        return circuit.angles_map.spread(by_factor, row)
    return _sums(circuit.parameter_index, by_factor * circuit.scales**2, circuit.n_parameters)


def _sums(index: NDArray[np.intp], values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(index, values, minlength=length), dtype=np.float64)
