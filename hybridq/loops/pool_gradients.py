"""Gradients of all operators of a pool at one state, shared over the ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.backend import Placement
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.pool import PoolElement, grown
from hybridq.contract.task import Circuit
from hybridq.evaluate import Evaluator, JobBook

Array = NDArray[np.float64]


def pool_gradients(
    at: Evaluator, pool: Sequence[PoolElement], row: Array, number: int, jobs: JobBook | None = None
) -> Array:
    """``<psi| [H, A] |psi>`` of each operator A, shape (n_operators,), hartree per radian.

    psi is the state of the evaluator's circuit at `row`, shape (n_parameters,). The operators are appended to the
    circuit with angles of zero, where the derivative is this commutator; the backend's adjoint pass gives all at once.
    Ranks take equal parts of the pool. Factors of angle zero change no bit of a state, so the parts' sizes do not
    matter.

    Raises:
        BackendError: the backend has no gradient and none can be derived.
    """
    can = at.backend.capabilities
    apart = can.placement is Placement.EACH and "gradient" in can.drivers and not can.durable_jobs and not at.noisy
    if not apart or at.comm.size == 1:
        return _part(at, pool, row, number, jobs)
    n_parts = min(at.comm.size, len(pool))
    starts = [len(pool) * k // n_parts for k in range(n_parts + 1)]
    width = max(b - a for a, b in pairwise(starts))
    alone = replace(at, comm=Comm(), distribution=None)

    def parts(numbers: Array) -> Array:
        found = np.zeros((len(numbers), width))
        for line, k in zip(found, numbers.astype(int), strict=True):
            part = pool[starts[k] : starts[k + 1]]
            line[: len(part)] = _part(alone, part, row, number, None)
        return found

    shared = at.comm.map(parts, np.arange(n_parts, dtype=np.float64))
    return np.concatenate([line[: b - a] for line, (a, b) in zip(shared, pairwise(starts), strict=True)])


def _part(at: Evaluator, pool: Sequence[PoolElement], row: Array, number: int, jobs: JobBook | None) -> Array:
    circuit = grown(_fermionic(at.circuit), pool)
    batch = at.of(circuit)(np.concatenate([row, np.zeros(len(pool))])[None], True, number, jobs=jobs)
    assert batch.gradients is not None
    return np.ascontiguousarray(batch.gradients[0, len(row) :])


def _fermionic(circuit: Circuit) -> FermionicCircuit:
    assert isinstance(circuit, FermionicCircuit)
    return circuit
