"""What an evaluation will take: bytes by counting, seconds by a few measured rates."""

from __future__ import annotations

from dataclasses import dataclass

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.task import Driver
from hybridq_sector.hops import n_hops
from hybridq_sector.program import (
    DIAGONAL,
    LANES,
    ROTATIONS,
    amplitudes_by_kind,
    amplitudes_touched,
    plan_groups,
    program_nbytes,
    state_dtype,
    state_shape,
)
from hybridq_sector.runs import leading_nbytes, rotations_nbytes
from hybridq_sector.sigma import flops, sigma_nbytes

THREADED_GROUP = 1_500_000  # amplitudes a group must touch on average before threads pay in a sweep
COMPLEX = 3.0  # time of a complex amplitude in units of that of a real one
COLUMN_CALLS = 2  # fixed cost of a metric's column in units of that of an evaluation
THREADED_PRODUCT = 20_000_000  # multiply-adds of the mixed pass before threads pay in H|psi>


@dataclass(frozen=True)
class Rates:
    """Seconds for one unit of each kind of work on one thread, measured on a host.

    The defaults were measured on a 2.6 GHz server core (AMD EPYC 9004); `calibrate` replaces them.

    Attributes:
        amplitude: touched amplitude of one vector in a forward sweep.
        back: the same in the backward sweep of two vectors.
        rotation, rotation_back: the same for complex amplitudes in dense rotations.
        diagonal, diagonal_back: the same in diagonal passes.
        run: fixed cost of a dense rotation or a diagonal pass.
        product: multiply-add of the mixed pass.
        gather: addition of its gather.
        same: multiply-add of the same-spin passes.
        call: fixed cost of an evaluation.
        group: fixed cost of a group of factors.
        thread_gain: speed-up of two threads over one where threads are used, for each further thread
            counted as ``1 + (n - 1) * (thread_gain - 1)``.
    """

    amplitude: float = 0.40e-9
    back: float = 0.95e-9
    rotation: float = 0.40e-9
    rotation_back: float = 1.45e-9
    diagonal: float = 3.2e-9
    diagonal_back: float = 6.5e-9
    run: float = 20e-6
    product: float = 0.020e-9
    gather: float = 0.65e-9
    same: float = 0.085e-9
    call: float = 30e-6
    group: float = 1.5e-6
    thread_gain: float = 1.75


@dataclass(frozen=True)
class Threads:
    """How many threads each part of an evaluation uses."""

    sweep: int
    sigma: int


def choose_threads(circuit: FermionicCircuit, available: int) -> Threads:
    """More than one thread only where each has enough to do between two meetings."""
    groups, _, _ = plan_groups(circuit)
    per_group = amplitudes_touched(circuit) / max(1, len(groups))
    product, _, _ = flops(circuit.n_orbitals, circuit.n_alpha, circuit.n_beta)
    return Threads(
        available if per_group >= THREADED_GROUP else 1,
        available if product >= THREADED_PRODUCT else 1,
    )


def vector_nbytes(circuit: FermionicCircuit) -> int:
    """Bytes of one state vector."""
    n_alpha, n_beta = state_shape(circuit)
    return n_alpha * n_beta * state_dtype(circuit).itemsize


def engine_nbytes(circuit: FermionicCircuit, threads: Threads, with_hamiltonian: bool) -> int:
    """`Engine.nbytes` by counting."""
    n_alpha, n_beta = state_shape(circuit)
    longest = max(n_alpha, n_beta)
    itemsize = state_dtype(circuit).itemsize
    total = threads.sweep * 4 * longest * LANES * itemsize
    total += -(-longest // LANES) * len(circuit.factors) * 8
    kinds = [g.kind for g in plan_groups(circuit)[0]]
    if ROTATIONS & {*kinds}:
        total += rotations_nbytes(circuit.n_orbitals, longest, -(-longest // LANES))
        total += leading_nbytes((n_alpha, n_beta)) if kinds[0] in ROTATIONS else 0
    total += vector_nbytes(circuit)
    if with_hamiltonian:
        n = circuit.n_orbitals
        pairs, hops = n * (n + 1) // 2, n_hops(n, circuit.n_beta)
        total += vector_nbytes(circuit) + n_alpha * n_beta * 8 * (3 if itemsize == 16 else 1)
        total += threads.sigma * 8 * (pairs * n_alpha + hops * n_alpha + hops * pairs)
    return total


def total_nbytes(circuit: FermionicCircuit, threads: Threads, n_blocks: int | None) -> int:
    """All that an evaluation keeps: tables, vectors, buffers; `n_blocks` of g, None without a Hamiltonian."""
    total = program_nbytes(circuit) + engine_nbytes(circuit, threads, n_blocks is not None)
    if n_blocks is not None:
        total += sigma_nbytes(circuit.n_orbitals, circuit.n_alpha, circuit.n_beta, n_blocks)
    return total


def tangent_nbytes(circuit: FermionicCircuit) -> int:
    """Bytes that a metric needs besides: two vectors."""
    return 2 * vector_nbytes(circuit)


def seconds(circuit: FermionicCircuit, driver: Driver, threads: Threads, rates: Rates, n_columns: int = 0) -> float:
    """Wall time of one row once everything is prepared; `n_columns` of a metric."""
    groups, _, _ = plan_groups(circuit)
    runs = sum(g.kind in ROTATIONS or g.kind == DIAGONAL for g in groups)
    fixed = (len(groups) - runs) * rates.group + runs * rates.run
    touched = amplitudes_by_kind(circuit)
    factors = touched.factors * (1.0 if circuit.is_real else COMPLEX)

    def with_threads(n: int) -> float:
        return 1 + (n - 1) * (rates.thread_gain - 1)

    forward = factors * rates.amplitude + touched.rotations * rates.rotation + touched.diagonals * rates.diagonal
    backward = factors * rates.back + touched.rotations * rates.rotation_back + touched.diagonals * rates.diagonal_back
    sweep = (forward + fixed) / with_threads(threads.sweep)
    back = (backward + fixed) / with_threads(threads.sweep)
    product, gather, same = flops(circuit.n_orbitals, circuit.n_alpha, circuit.n_beta)
    once = product * rates.product + gather * rates.gather + same * rates.same
    multiply = once * (1 if circuit.is_real else 2) / with_threads(threads.sigma)
    if driver == "metric":  # psi all the way and its tangent half of it, on average; then two sweeps back
        return n_columns * (COLUMN_CALLS * rates.call + 1.5 * sweep + multiply + 2 * back)
    total = rates.call + sweep
    if driver in ("energy", "gradient"):
        total += multiply
    if driver == "gradient":
        total += back
    if driver == "rdm":
        total += state_rdm_work(circuit) * rates.product * 4
    return total


def state_rdm_work(circuit: FermionicCircuit) -> float:
    """Multiply-adds of the 2-RDM: one product of (n^2, determinants) with its transpose."""
    n_alpha, n_beta = state_shape(circuit)
    return float(circuit.n_orbitals) ** 4 * n_alpha * n_beta
