"""Reduced density matrices of real states from energies.

A spin-free Hamiltonian over real orbitals sees of the two-body matrix only ``G_pqrs + G_qprs``: its integrals do
not change when p and q do. The rest comes from an excitation ``G = T - T+`` appended to the circuit: in each plane
that it rotates, ``exp(t G)`` at t = pi/4 and -pi/4 turns ``T + T+`` into an occupation number, so that
``<T + T+> = (<n>(pi/4) - <n>(-pi/4)) / d``, where T changes the number n of electrons in an orbital by d. (The
plane rotation is that of Anselmetti et al., arXiv:2104.05695, section 2; matrices and symmetries: Helgaker,
Jorgensen, Olsen, doi:10.1002/9781119019572, 1.7 and 2.7.)

Cost, in energies for each row with n orbitals and m = n (n + 1) / 2: m for the one-body matrix, m (m + 1) / 2 for
the symmetric part of the two-body matrix, and for each pair of pairs ((p, q), (r, s)) with p > q and r > s two for
each of its (at most four) excitations: about n^4 energies in all, on n^4 / 2 different circuits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Ladder
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import RDM, Result, Task

Index4 = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Move:
    """One spin component of ``G_pqrs``: ``sign * <T>``, seen in the occupation of `orbital`, which T changes."""

    excitation: Excitation
    sign: int
    orbital: int
    change: int


def rdm_tasks(task: Task) -> list[Task]:
    """The energies from which the RDMs of `task` follow; `task.precision` is asked for each of them.

    Raises:
        InputError: `task` asks for something else than RDMs, or its states are not real.
    """
    if task.driver != "rdm":
        raise InputError(f"this derives RDMs; the task's driver is {task.driver!r}")
    if not task.fermionic.is_real:
        raise InputError(
            "RDMs are derived from energies for real states only, and this circuit has imaginary excitations or number "
            "products; choose a backend that offers the driver 'rdm'"
        )
    n = task.fermionic.n_orbitals
    tasks = [replace(task, driver="energy", observable=_one_body(n, p, q)) for p, q in _pairs(n)]
    for pq, rs in _pairs_of_pairs(n):
        tasks.append(replace(task, driver="energy", observable=_two_body(n, (*pq, *rs))))
        for move in _moves((*pq, *rs)):
            tasks.append(_turned(task, move))
    return tasks


def rdm_from_results(task: Task, results: list[Result]) -> Result:
    """The RDMs of `task` from the results of `rdm_tasks(task)`; `stderr` is the largest of any element."""
    n, rows = task.fermionic.n_orbitals, task.n_rows
    one = np.zeros((rows, n, n))
    two = np.zeros((rows, n, n, n, n))
    worst = np.zeros(rows)
    queue = iter(results)
    for p, q in _pairs(n):
        value, variance = _energies(next(queue))
        # The observable counts an off-diagonal element twice, as pq and as qp.
        weight = 1.0 if p == q else 0.5
        one[:, p, q] = one[:, q, p] = weight * value
        worst = np.maximum(worst, weight**2 * variance)
    for pq, rs in _pairs_of_pairs(n):
        index = (*pq, *rs)
        total, total_variance = _energies(next(queue))
        # E = 1/2 sum over the orbit; the mean of the orbit is what the observable sees.
        scale = 2.0 / len(_orbit8(index))
        mean, mean_variance = scale * total, scale**2 * total_variance
        moves = list(_moves(index))
        if not moves:
            _fill(two, index, mean)
            worst = np.maximum(worst, mean_variance)
            continue
        direct, variance = np.zeros(rows), np.zeros(rows)
        for move in moves:
            value, error = _energies(next(queue))
            slope = move.sign / (2.0 * move.change)
            direct += slope * (value[:rows] - value[rows:])
            variance += slope**2 * (error[:rows] + error[rows:])
        p, q, r, s = index
        _fill(two, index, direct)
        _fill(two, (q, p, r, s), 2.0 * mean - direct)
        worst = np.maximum(worst, 4.0 * mean_variance + variance)
    provenance = {**results[0].provenance, "derived": "RDM from energies", "derived_tasks": len(results)}
    return Result(tuple(RDM(one[i], two[i]) for i in range(rows)), np.sqrt(worst), provenance=provenance)


def _energies(result: Result) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.asarray(result.value, dtype=np.float64), np.asarray(result.stderr, dtype=np.float64) ** 2


def _pairs(n: int) -> Iterator[tuple[int, int]]:
    return ((p, q) for p in range(n) for q in range(p + 1))


def _pairs_of_pairs(n: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    return ((pq, rs) for pq, rs in itertools.combinations_with_replacement(_pairs(n), 2))


def _orbit8(index: Index4) -> set[Index4]:
    p, q, r, s = index
    return {k for a in ((p, q), (q, p)) for b in ((r, s), (s, r)) for k in ((*a, *b), (*b, *a))}


def _fill(two: NDArray[np.float64], index: Index4, value: NDArray[np.float64]) -> None:
    p, q, r, s = index
    for k in ((p, q, r, s), (r, s, p, q), (q, p, s, r), (s, r, q, p)):
        two[:, *k] = value


def _one_body(n: int, p: int, q: int) -> Hamiltonian:
    one = np.zeros((n, n))
    one[p, q] = one[q, p] = 1.0
    return Hamiltonian(0.0, one, np.zeros((n, n, n, n)))


def _two_body(n: int, index: Index4) -> Hamiltonian:
    two = np.zeros((n, n, n, n))
    for k in _orbit8(index):
        two[k] = 1.0
    return Hamiltonian(0.0, np.zeros((n, n)), two)


def _moves(index: Index4) -> Iterator[_Move]:
    """The spin components of ``G_pqrs`` where it differs from ``G_qprs``; nothing where the two are equal.

    With p > q and r > s no component is diagonal and some orbital's occupation changes.
    """
    p, q, r, s = index
    if p == q or r == s:
        return
    change = {o: (o == p) - (o == q) + (o == r) - (o == s) for o in index}
    orbital = max(change, key=lambda o: abs(change[o]))
    yield _Move(Excitation(Ladder((p,), (q,)), Ladder((r,), (s,))), 1, orbital, change[orbital])
    yield _Move(Excitation(Ladder((r,), (s,)), Ladder((p,), (q,))), 1, orbital, change[orbital])
    if p != r and q != s:
        # <a+_p a+_r a_s a_q>, while a ladder has its orbitals ascending.
        sign = (1 if p < r else -1) * (1 if q < s else -1)
        ladder = Ladder((min(p, r), max(p, r)), (min(q, s), max(q, s)))
        yield _Move(Excitation(alpha=ladder), sign, orbital, change[orbital])
        yield _Move(Excitation(beta=ladder), sign, orbital, change[orbital])


def _turned(task: Task, move: _Move) -> Task:
    """Occupation of the move's orbital after turning by pi/4 (first `n_rows` rows) and by -pi/4 (the others)."""
    circuit = task.fermionic
    longer = FermionicCircuit(
        circuit.n_orbitals,
        circuit.reference,
        (*circuit.factors, Factor(move.excitation, circuit.n_parameters)),
        circuit.n_parameters + 1,
        name=f"{circuit.name}, turned",
    )
    turn = np.full((task.n_rows, 1), math.pi / 4)
    rows = np.vstack([np.hstack([task.params, turn]), np.hstack([task.params, -turn])])
    observable = _one_body(circuit.n_orbitals, move.orbital, move.orbital)
    return replace(task, circuit=longer, params=rows, driver="energy", observable=observable)
