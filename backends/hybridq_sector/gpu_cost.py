"""What an evaluation takes on a GPU: bytes by counting, seconds by a few rates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import Driver
from hybridq_sector.cost import state_rdm_work
from hybridq_sector.gpu_passes import BLOCKS
from hybridq_sector.gpu_tables import SEGMENT, is_narrow, make_run
from hybridq_sector.hops import n_hops
from hybridq_sector.program import DIAGONAL, PACKED_ROWS_ALPHA, ROTATIONS, moves, plan_groups, state_shape
from hybridq_sector.sigma import order_pairs
from hybridq_sector.strings import n_pairs


@dataclass(frozen=True)
class GpuRates:
    """What seconds are predicted with.

    The defaults are round numbers for a large GPU, not measurements; ``hybridq calibrate sector:gpu`` replaces them.

    Attributes:
        byte: seconds to move a byte of the GPU's memory.
        flop: seconds for an operation of a large product of float64 matrices.
        launch: seconds to start a kernel.
        call: fixed seconds of an evaluation.
        host: seconds for a multiply-add of the density matrices, which PySCF makes on the host.
    """

    byte: float = 0.7e-12
    flop: float = 0.05e-12
    launch: float = 3e-6
    call: float = 100e-6
    host: float = 0.1e-9


def planes(circuit: FermionicCircuit) -> int:
    """Real numbers of an amplitude."""
    return 1 if circuit.is_real else 2


def vector_nbytes(circuit: FermionicCircuit) -> int:
    """Bytes of one state vector."""
    n_alpha, n_beta = state_shape(circuit)
    return 8 * planes(circuit) * n_alpha * n_beta


def passes_nbytes(circuit: FermionicCircuit) -> int:
    """`KernelPasses.nbytes` by counting."""
    groups, alpha, beta = plan_groups(circuit)
    n, n_factors, shape = circuit.n_orbitals, len(circuit.factors), state_shape(circuit)
    total = 8 * n_factors * (9 + 1 + min(BLOCKS, max(shape))) + 8 * (1 + BLOCKS + sum(shape))
    for table, electrons in ((alpha, circuit.n_alpha), (beta, circuit.n_beta)):
        total += 8 * (len(table) + 1) + (4 if is_narrow(shape) else 8) * sum(
            n_pairs(move.ladder, n, electrons) for move in table
        )
    for group in groups:
        if group.kind == DIAGONAL:
            run = make_run(circuit, list(range(group.first, group.last)))
            total += sum(x.nbytes for x in (run.start, run.factor, run.list_of, run.held, run.part))
            total += 8 * len(run.part) * max(shape)
    return total


def sigma_nbytes(circuit: FermionicCircuit, h: Hamiltonian) -> tuple[int, int, int]:
    """Bytes of a `GpuSigma` without its chunks, of one row's chunk, and rows; the larger of the two orientations."""
    n, shape = circuit.n_orbitals, state_shape(circuit)
    electrons = circuit.n_alpha, circuit.n_beta
    place, g, starts = order_pairs(h.two_body)
    pairs, lanes = len(g), planes(circuit)
    ordered = [int(((place >= a) & (place < b)).sum()) for a, b in pairwise(starts)]
    found = []
    for rows, columns in ((0, 1), (1, 0)):
        hops = n_hops(n, electrons[rows])
        most = [min(hops, x) for x in ordered]  # hops of one string in each block of g
        base = 8 * pairs * (pairs + 2) + 9 * shape[rows] * sum(most)
        base += 8 * (ceil(shape[columns] / SEGMENT) * pairs + 1)
        base += (4 if is_narrow(shape) else 8) * shape[columns] * n_hops(n, electrons[columns])
        base += 8 * sum(shape[k] ** 2 for k in ((0, 1) if electrons[0] != electrons[1] else (0,)))
        wide = sum(m * (b - a) for m, a, b in zip(most, starts[:-1], starts[1:], strict=True))
        one_row = 8 * ((sum(most) + pairs) * lanes * shape[columns] + int(wide)) if hops else 0
        found.append((base, one_row, shape[rows]))
    return max(found, key=lambda x: x[0] + x[1])


def nbytes(circuit: FermionicCircuit, h: Hamiltonian | None, work: int, room: int) -> tuple[int, int]:
    """Bytes on the device at most, and those to give to the chunks of ``H |psi>``: `work`, or less in a tight room."""
    base = passes_nbytes(circuit) + (2 if h is None else 3) * vector_nbytes(circuit)
    if h is None:
        return base, 0
    tables, one_row, rows = sigma_nbytes(circuit, h)
    base += tables
    chunks = max(one_row, min(work, one_row * rows, room - base))
    return base + chunks, chunks


def moved_bytes(circuit: FermionicCircuit) -> tuple[int, int]:
    """Bytes that a forward sweep reads and writes, and its launches."""
    n, shape = circuit.n_orbitals, state_shape(circuit)
    vector = vector_nbytes(circuit)
    moved, launches = 6 * vector, 5  # the reference and up to three transpositions
    for group in plan_groups(circuit)[0]:
        launches += 1
        if group.kind == DIAGONAL or group.kind in ROTATIONS:
            moved += 2 * vector
            continue
        pairs = [moves(f.generator) for f in circuit.factors[group.first : group.last]]
        counts = [(n_pairs(a.ladder, n, circuit.n_alpha), n_pairs(b.ladder, n, circuit.n_beta)) for a, b in pairs]
        touched = sum(2 * a * b for a, b in counts)
        rows, width = (counts[0][1], shape[0]) if group.kind == PACKED_ROWS_ALPHA else (counts[0][0], shape[1])
        moved += 2 * 8 * planes(circuit) * min(touched, 2 * rows * width)
    return moved, launches


def sigma_work(circuit: FermionicCircuit) -> tuple[float, float]:
    """Flops of the matrix products of ``H |psi>``, and bytes moved between them; see `hybridq_sector.gpu_sigma`."""
    n, (n_alpha, n_beta) = circuit.n_orbitals, state_shape(circuit)
    pairs, hops = n * (n + 1) // 2, n_hops(n, circuit.n_alpha)
    amplitudes = planes(circuit) * n_alpha * n_beta
    return 2.0 * amplitudes * (n_alpha + n_beta + pairs * hops), 8.0 * amplitudes * (8 + 2 * hops + pairs + hops)


def seconds(circuit: FermionicCircuit, driver: Driver, rates: GpuRates) -> float:
    """Time of one row once everything is prepared."""
    moved, launches = moved_bytes(circuit)
    sweep = moved * rates.byte + launches * rates.launch
    total = rates.call + sweep
    if driver in ("energy", "gradient"):
        flops, between = sigma_work(circuit)
        total += flops * rates.flop + between * rates.byte + 10 * rates.launch
    if driver == "gradient":
        total += 2 * sweep
    if driver == "rdm":
        total += state_rdm_work(circuit) * rates.host
    return total
