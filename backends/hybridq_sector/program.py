"""A circuit compiled for the sweeps: flat tables, and factors gathered into groups.

The state is a matrix over alpha strings x beta strings. A factor's generator is a product of an alpha
ladder and a beta ladder. Consecutive factors that have one of the two in common form a group:

- the common ladder picks pairs of columns (or of rows); the state is copied once for the whole group
  into a narrow buffer with `LANES` of these side by side, and
- each factor of the group is then a set of rotations of whole buffer rows, contiguous in memory.

Different lanes never meet inside a group, so lanes are also what threads share.

In complex circuits a long run of singles is one dense orbital rotation of each spin, and a run of number products one
diagonal pass (`hybridq_sector.runs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import Generator, Ladder, NumberProduct
from hybridq_sector.runs import (
    ALPHA,
    BETA,
    Slots,
    diagonal_end,
    hop_places,
    hops,
    make_slots,
    one_body,
    rotation_end,
    slot_numbers,
    slot_parts,
    slots_nbytes,
)
from hybridq_sector.strings import Move, make_strings, n_pairs, n_strings, pair_list

LANES = 32
MIN_PACKED = 3  # shorter groups are not worth the copies

PACKED_ROWS_ALPHA, PACKED_ROWS_BETA, DIRECT, PHASE, ROTATE_ALPHA, ROTATE_BETA, DIAGONAL = 0, 1, 2, 3, 4, 5, 6
ROTATIONS = {ROTATE_ALPHA, ROTATE_BETA}


@dataclass(frozen=True)
class Group:
    """Factors first to last (exclusive) that share a ladder, or are a run.

    Attributes:
        kind: `PACKED_ROWS_ALPHA`: the common ladder acts on beta, buffer rows are alpha strings;
            `PACKED_ROWS_BETA`: the other way round; `DIRECT`: in place, common alpha ladder; `PHASE`: one
            number product; `ROTATE_ALPHA`, `ROTATE_BETA`: a dense orbital rotation made of the run's factors of
            that spin; `DIAGONAL`: a run of number products.
        shared: the common ladder's place in its spin's table; of a diagonal run the place of its slots.
    """

    kind: int
    shared: int
    first: int
    last: int


def moves(generator: Generator) -> tuple[Move, Move]:
    """What a generator does to the alpha and to the beta strings."""
    if isinstance(generator, NumberProduct):
        return Move(Ladder(generator.alpha, generator.alpha)), Move(Ladder(generator.beta, generator.beta))
    # A diagonal ladder has no sign to leave out: fermionic and qubit excitations share its table and their groups.
    return (
        Move(generator.alpha, generator.fermionic or generator.alpha.is_diagonal),
        Move(generator.beta, generator.fermionic or generator.beta.is_diagonal),
    )


def plan_groups(circuit: FermionicCircuit) -> tuple[list[Group], dict[Move, int], dict[Move, int]]:
    """Groups of a circuit, and the places of its moves in the two tables (cheap: no string is made)."""
    pairs = [moves(f.generator) for f in circuit.factors]
    alpha: dict[Move, int] = {}
    beta: dict[Move, int] = {}
    for a, b in pairs:
        alpha.setdefault(a, len(alpha))
        beta.setdefault(b, len(beta))
    phase = [isinstance(f.generator, NumberProduct) for f in circuit.factors]
    slots: dict[tuple[tuple[int, ...], ...], int] = {}

    def run_length(start: int, spin: int) -> int:
        end = start
        while end < len(pairs) and not phase[end] and pairs[end][spin] == pairs[start][spin]:
            end += 1
        return end - start

    groups = []
    k = 0
    while k < len(pairs):
        a, b = pairs[k]
        if not circuit.is_real and (end := rotation_end(circuit.factors, k, circuit.n_orbitals)) > k:
            spins = {found[0] for f in circuit.factors[k:end] if (found := one_body(f.generator))}
            for spin, kind, table in ((ALPHA, ROTATE_ALPHA, alpha), (BETA, ROTATE_BETA, beta)):
                if spin in spins:
                    groups.append(Group(kind, 0, k, end))
                    for move in hops(circuit.n_orbitals):
                        table.setdefault(move, len(table))
            k = end
            continue
        if (end := diagonal_end(circuit.factors, k)) > k:
            parts = slot_parts(circuit.factors[k:end])
            groups.append(Group(DIAGONAL, slots.setdefault(parts, len(slots)), k, end))
            k = end
            continue
        if phase[k]:
            groups.append(Group(PHASE, alpha[a], k, k + 1))
            k += 1
            continue
        same_alpha, same_beta = run_length(k, 0), run_length(k, 1)
        length = max(same_alpha, same_beta)
        if length < MIN_PACKED:
            groups.append(Group(DIRECT, alpha[a], k, k + same_alpha))
            k += same_alpha
            continue
        if same_beta >= same_alpha:
            groups.append(Group(PACKED_ROWS_ALPHA, beta[b], k, k + length))
        else:
            groups.append(Group(PACKED_ROWS_BETA, alpha[a], k, k + length))
        k += length
    return groups, alpha, beta


def distinct_slots(circuit: FermionicCircuit, groups: Sequence[Group]) -> list[tuple[tuple[int, ...], ...]]:
    """What the diagonal groups' `shared` counts."""
    return list(dict.fromkeys(slot_parts(circuit.factors[g.first : g.last]) for g in groups if g.kind == DIAGONAL))


@dataclass(frozen=True)
class SpinTable:
    """Pair lists of all ladders of one spin, end to end.

    Attributes:
        start: where each ladder begins, shape (n_ladders + 1,).
        source, target, sign: see `hybridq_sector.strings.PairList`.
        diagonal: ladders that keep every string, shape (n_ladders,).
    """

    start: NDArray[np.int64]
    source: NDArray[np.uint32]
    target: NDArray[np.uint32]
    sign: NDArray[np.float64]
    diagonal: NDArray[np.bool_]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.start.nbytes + self.source.nbytes + self.target.nbytes + self.sign.nbytes + self.diagonal.nbytes


def spin_table(table: Sequence[Move], n_orbitals: int, n_electrons: int) -> SpinTable:
    """Tables of the given moves."""
    strings = make_strings(n_orbitals, n_electrons)
    lists = [pair_list(move.ladder, strings, signed=move.signed) for move in table]
    start = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum([len(p.source) for p in lists], out=start[1:])

    def join(name: str, dtype: type) -> NDArray[Any]:
        return np.concatenate([getattr(p, name) for p in lists] or [np.zeros(0)]).astype(dtype)

    return SpinTable(
        start,
        join("source", np.uint32),
        join("target", np.uint32),
        join("sign", np.float64),
        np.array([move.ladder.is_diagonal for move in table], dtype=np.bool_),
    )


@dataclass(frozen=True)
class Program:
    """Everything about a circuit that does not depend on parameters.

    Attributes:
        groups: shape (n_groups, 4), columns kind, shared, first, last.
        alpha_ladder, beta_ladder: each factor's place in the two tables, shape (n_factors,).
        eta: shape (n_factors,): 1 for ``T - T+`` and for number products, i for ``i (T + T+)``; real where
            the circuit is real.
        one_body: spin, p and q of each factor (see `hybridq_sector.runs.one_body`), shape (n_factors, 3), spin -1 for
            others; empty where nothing is rotated.
        hop_alpha, hop_beta: places of ``a+_q a_p`` in the two tables, shape (n, n), or (0, 0).
        slot: each factor's slot in its diagonal run, shape (n_factors,).
        slots: tables of the diagonal runs.
    """

    circuit: FermionicCircuit
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    groups: NDArray[np.int64]
    alpha_ladder: NDArray[np.int64]
    beta_ladder: NDArray[np.int64]
    eta: NDArray[np.generic]
    alpha: SpinTable
    beta: SpinTable
    reference: tuple[int, int]
    one_body: NDArray[np.int64]
    hop_alpha: NDArray[np.int64]
    hop_beta: NDArray[np.int64]
    slot: NDArray[np.int64]
    slots: tuple[Slots, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        own = self.groups.nbytes + self.alpha_ladder.nbytes + self.beta_ladder.nbytes + self.eta.nbytes
        runs = self.one_body.nbytes + self.hop_alpha.nbytes + self.hop_beta.nbytes + self.slot.nbytes
        return own + runs + sum(s.nbytes for s in self.slots) + self.alpha.nbytes + self.beta.nbytes


def state_shape(circuit: FermionicCircuit) -> tuple[int, int]:
    """Alpha strings x beta strings."""
    n = circuit.n_orbitals
    return n_strings(n, circuit.n_alpha), n_strings(n, circuit.n_beta)


def state_dtype(circuit: FermionicCircuit) -> np.dtype[np.generic]:
    """Real where every generator is real."""
    return np.dtype(np.float64 if circuit.is_real else np.complex128)


def compile_circuit(circuit: FermionicCircuit) -> Program:
    """Make the tables."""
    groups, alpha, beta = plan_groups(circuit)
    pairs = [moves(f.generator) for f in circuit.factors]
    dtype = state_dtype(circuit)
    imaginary = np.array([getattr(f.generator, "imaginary", False) for f in circuit.factors], dtype=bool)
    eta = np.ones(len(pairs), dtype=dtype)
    if dtype.kind == "c":
        eta[imaginary] = 1j
    n = circuit.n_orbitals
    index = tuple(
        int(np.searchsorted(make_strings(n, len(occupied)), sum(1 << p for p in occupied)))
        for occupied in circuit.reference
    )
    kinds = {g.kind for g in groups}
    bodies = [one_body(f.generator) or (-1, 0, 0) for f in circuit.factors] if ROTATIONS & kinds else []
    slot = np.zeros(len(pairs) if DIAGONAL in kinds else 0, dtype=np.int64)
    for g in groups:
        if g.kind == DIAGONAL:
            run = circuit.factors[g.first : g.last]
            slot[g.first : g.last] = slot_numbers(run, slot_parts(run))
    return Program(
        circuit,
        state_shape(circuit),
        dtype,
        np.array([(g.kind, g.shared, g.first, g.last) for g in groups], dtype=np.int64).reshape(-1, 4),
        np.array([alpha[a] for a, _ in pairs], dtype=np.int64),
        np.array([beta[b] for _, b in pairs], dtype=np.int64),
        eta,
        spin_table(list(alpha), n, circuit.n_alpha),
        spin_table(list(beta), n, circuit.n_beta),
        (index[0], index[1]),
        np.array(bodies, dtype=np.int64).reshape(-1, 3),
        hop_places(alpha, n if ROTATE_ALPHA in kinds else 0),
        hop_places(beta, n if ROTATE_BETA in kinds else 0),
        slot,
        tuple(make_slots(parts, n, circuit.n_alpha) for parts in distinct_slots(circuit, groups)),
    )


def program_nbytes(circuit: FermionicCircuit) -> int:
    """`Program.nbytes` by counting, before anything is made."""
    groups, alpha, beta = plan_groups(circuit)
    n, n_factors = circuit.n_orbitals, len(circuit.factors)
    total = 32 * len(groups) + 16 * n_factors + state_dtype(circuit).itemsize * n_factors
    for table, electrons in ((alpha, circuit.n_alpha), (beta, circuit.n_beta)):
        entries = sum(n_pairs(move.ladder, n, electrons) for move in table)
        total += 8 * (len(table) + 1) + len(table) + 16 * entries
    kinds = {g.kind for g in groups}
    total += 24 * n_factors * bool(ROTATIONS & kinds) + 8 * n * n * len(ROTATIONS & kinds)
    total += 8 * n_factors * (DIAGONAL in kinds)
    return total + sum(slots_nbytes(parts, n, circuit.n_alpha) for parts in distinct_slots(circuit, groups))


@dataclass(frozen=True)
class Touched:
    """Amplitudes read and written by one sweep: by factors one at a time, by dense rotations, by diagonal passes."""

    factors: int
    rotations: int
    diagonals: int


def amplitudes_by_kind(circuit: FermionicCircuit) -> Touched:
    """What one sweep over all factors touches."""
    n, (n_alpha, n_beta) = circuit.n_orbitals, state_shape(circuit)
    factors = rotations = diagonals = 0
    for group in plan_groups(circuit)[0]:
        if group.kind == DIAGONAL:
            diagonals += n_alpha * n_beta
        elif group.kind in ROTATIONS:
            alpha = group.kind == ROTATE_ALPHA
            electrons, lanes = (circuit.n_alpha, n_beta) if alpha else (circuit.n_beta, n_alpha)
            if group.first == 0:  # done on the determinant's two vectors, one lane, padded to a block
                lanes = LANES
            rotations += n * (n - 1) * n_pairs(Ladder((1,), (0,)), n, electrons) * lanes if n > 1 else 0
        else:
            for f in circuit.factors[group.first : group.last]:
                a, b = moves(f.generator)
                both = 1 if isinstance(f.generator, NumberProduct) else 2
                factors += both * n_pairs(a.ladder, n, circuit.n_alpha) * n_pairs(b.ladder, n, circuit.n_beta)
    return Touched(factors, rotations, diagonals)


def amplitudes_touched(circuit: FermionicCircuit) -> int:
    """Amplitudes read and written by one sweep over all factors."""
    found = amplitudes_by_kind(circuit)
    return found.factors + found.rotations + found.diagonals
