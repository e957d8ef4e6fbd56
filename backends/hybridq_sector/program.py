"""A circuit compiled for the sweeps: flat tables, and factors gathered into groups.

The state is a matrix over alpha strings x beta strings. A factor's generator is a product of an alpha
ladder and a beta ladder. Consecutive factors that have one of the two in common form a group:

- the common ladder picks pairs of columns (or of rows); the state is copied once for the whole group
  into a narrow buffer with `LANES` of these side by side, and
- each factor of the group is then a set of rotations of whole buffer rows, contiguous in memory.

Different lanes never meet inside a group, so lanes are also what threads share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import Generator, Ladder, NumberProduct
from hybridq_sector.strings import Move, make_strings, n_pairs, n_strings, pair_list

LANES = 32
MIN_PACKED = 3  # shorter groups are not worth the copies

PACKED_ROWS_ALPHA, PACKED_ROWS_BETA, DIRECT, PHASE = 0, 1, 2, 3


@dataclass(frozen=True)
class Group:
    """Factors first to last (exclusive) that share a ladder.

    Attributes:
        kind: `PACKED_ROWS_ALPHA`: the common ladder acts on beta, buffer rows are alpha strings;
            `PACKED_ROWS_BETA`: the other way round; `DIRECT`: in place, common alpha ladder; `PHASE`: one
            number product.
        shared: the common ladder's place in its spin's table.
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

    def run_length(start: int, spin: int) -> int:
        end = start
        while end < len(pairs) and not phase[end] and pairs[end][spin] == pairs[start][spin]:
            end += 1
        return end - start

    groups = []
    k = 0
    while k < len(pairs):
        a, b = pairs[k]
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

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        own = self.groups.nbytes + self.alpha_ladder.nbytes + self.beta_ladder.nbytes + self.eta.nbytes
        return own + self.alpha.nbytes + self.beta.nbytes


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
    )


def program_nbytes(circuit: FermionicCircuit) -> int:
    """`Program.nbytes` by counting, before anything is made."""
    groups, alpha, beta = plan_groups(circuit)
    n, n_factors = circuit.n_orbitals, len(circuit.factors)
    total = 32 * len(groups) + 16 * n_factors + state_dtype(circuit).itemsize * n_factors
    for table, electrons in ((alpha, circuit.n_alpha), (beta, circuit.n_beta)):
        entries = sum(n_pairs(move.ladder, n, electrons) for move in table)
        total += 8 * (len(table) + 1) + len(table) + 16 * entries
    return total


def amplitudes_touched(circuit: FermionicCircuit) -> int:
    """Amplitudes read and written by one sweep over all factors."""
    n = circuit.n_orbitals
    total = 0
    for f in circuit.factors:
        a, b = moves(f.generator)
        both = 1 if isinstance(f.generator, NumberProduct) else 2
        total += both * n_pairs(a.ladder, n, circuit.n_alpha) * n_pairs(b.ladder, n, circuit.n_beta)
    return total
