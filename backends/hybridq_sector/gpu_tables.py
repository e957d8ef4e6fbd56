"""The tables of a program and a Hamiltonian as the passes on a GPU read them, made on the host."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import Excitation, Ladder, NumberProduct
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq_sector.gpu_plan import Diagonal, Plan
from hybridq_sector.hops import make_hops
from hybridq_sector.program import Program, SpinTable
from hybridq_sector.sigma import SparseRows, order_pairs, same_spin_rows
from hybridq_sector.strings import make_strings, pair_list

Array = NDArray[Any]
REAL_EXCITATION, IMAGINARY_EXCITATION, NUMBER = 0, 1, 2
NARROW = 1 << 15  # strings of a spin that places of half the size can count
SEGMENT = 1024  # columns of one spin that a block of threads adds up together


@dataclass(frozen=True)
class Pairs:
    """Pair lists of one spin end to end.

    Attributes:
        start: where each list begins, shape (n_lists + 1,).
        source: places of strings, 16 or 32 bits.
        target: the same, with the sign of the pair in the highest bit.
    """

    start: NDArray[np.int64]
    source: NDArray[Any]
    target: NDArray[Any]

    @classmethod
    def of(cls, start: Array, source: Array, target: Array, sign: Array, *, narrow: bool) -> Pairs:
        """Packed."""
        dtype: Any = np.uint16 if narrow else np.uint32
        top = np.where(sign < 0, np.array(1 << (15 if narrow else 31), dtype), np.array(0, dtype))
        return cls(start, source.astype(dtype), target.astype(dtype) | top)

    def unpacked(self, part: slice) -> tuple[Array, Array, Array]:
        """Sources, targets and signs of some pairs."""
        top = self.target.dtype.type(1 << (8 * self.target.itemsize - 1))
        target = self.target[part]
        places = (x.astype(np.int64) for x in (self.source[part], target & ~top))
        return *places, np.where(target & top, -1.0, 1.0)  # type: ignore[return-value]


def is_narrow(shape: tuple[int, int]) -> bool:
    """Whether places of strings take 16 bits."""
    return max(shape) <= NARROW


def pairs_of(table: SpinTable, narrow: bool) -> Pairs:
    """The lists of a spin's table."""
    return Pairs.of(table.start, table.source, table.target, table.sign, narrow=narrow)


@dataclass(frozen=True)
class Run:
    """A run of number products by lists: 0 of those on alpha alone, 1 on beta alone, then one for each alpha part.

    Attributes:
        start: where each list begins, shape (n_lists + 1,).
        factor, list_of, held: factor, list, and occupied orbitals on the lists' other spin (on alpha for list 0), as
            a bit string, of each entry.
        part: what the rows must contain for each list, shape (n_lists,).
    """

    start: NDArray[np.int64]
    factor: NDArray[np.int64]
    list_of: NDArray[np.int64]
    held: NDArray[np.int64]
    part: NDArray[np.int64]


def bits(orbitals: tuple[int, ...]) -> int:
    """The string with these orbitals occupied."""
    return sum(1 << p for p in orbitals)


def make_run(circuit: FermionicCircuit, factors: list[int]) -> Run:
    """The lists of one run."""
    lists: dict[int, list[tuple[int, int]]] = {-2: [], -1: []}  # no bit string is negative
    for f in factors:
        g = circuit.factors[f].generator
        assert isinstance(g, NumberProduct)
        alpha, beta = bits(g.alpha), bits(g.beta)
        key = -2 if not g.beta else -1 if not g.alpha else alpha
        lists.setdefault(key, []).append((f, alpha if key == -2 else beta))
    start = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum([len(entries) for entries in lists.values()], out=start[1:])
    flat = np.array([entry for entries in lists.values() for entry in entries], dtype=np.int64).reshape(-1, 2)
    numbers = np.repeat(np.arange(len(lists), dtype=np.int64), np.diff(start))
    return Run(start, flat[:, 0].copy(), numbers, flat[:, 1].copy(), np.array([max(key, 0) for key in lists]))


@dataclass(frozen=True)
class SweepTables:
    """What the sweeps read besides the pair lists.

    Attributes:
        ladder: each factor's place in the two spins' lists, two arrays of shape (n_factors,).
        kind: `REAL_EXCITATION`, `IMAGINARY_EXCITATION` or `NUMBER`, shape (n_factors,).
        strings: the strings of both spins as bits.
        runs: of each diagonal step, by its first factor.
    """

    pairs: tuple[Pairs, Pairs]
    ladder: tuple[NDArray[np.int64], NDArray[np.int64]]
    kind: NDArray[np.int64]
    order: NDArray[np.int64]
    strings: tuple[NDArray[np.int64], NDArray[np.int64]]
    runs: dict[int, Run]


def sweep_tables(program: Program, plan: Plan) -> SweepTables:
    """The tables of a program."""
    circuit = program.circuit

    def kind(generator: Excitation | NumberProduct) -> int:
        if isinstance(generator, NumberProduct):
            return NUMBER
        return IMAGINARY_EXCITATION if generator.imaginary else REAL_EXCITATION

    return SweepTables(
        (pairs_of(program.alpha, is_narrow(program.shape)), pairs_of(program.beta, is_narrow(program.shape))),
        (program.alpha_ladder, program.beta_ladder),
        np.array([kind(f.generator) for f in circuit.factors], dtype=np.int64),
        plan.order,
        (make_strings(circuit.n_orbitals, circuit.n_alpha), make_strings(circuit.n_orbitals, circuit.n_beta)),
        {
            step.first: make_run(circuit, plan.order[step.first : step.last].tolist())
            for step in plan.steps
            if isinstance(step, Diagonal)
        },
    )


@dataclass(frozen=True)
class SigmaTables:
    """A Hamiltonian for one sector and one orientation; "rows" and "columns" are the strings of the vector's.

    Attributes:
        g: integrals over ordered orbital pairs, shape (n_pairs, n_pairs), hartree.
        blocks: first pair and number of pairs, first hop and number of hops, of each diagonal block of g that is not
            empty, shape (n_blocks, 4).
        block_first, block_size: first pair and number of pairs of the block of each pair, shape (n_pairs,).
        hop_source, hop_sign, hop_pair: hops to each row string, ordered by block, with hops of sign 0 so that each
            string has as many in a block as any, shape (n_rows, n_hops).
        inner: pairs of column strings that each orbital pair connects, by segment of columns and then by orbital pair.
        rows, columns: same-spin matrices; one object where both spins have as many electrons.
    """

    constant: float
    g: NDArray[np.float64]
    blocks: NDArray[np.int64]
    block_first: NDArray[np.int64]
    block_size: NDArray[np.int64]
    hop_source: NDArray[np.uint32]
    hop_sign: NDArray[np.int8]
    hop_pair: NDArray[np.uint32]
    inner: Pairs
    rows: SparseRows
    columns: SparseRows


def sigma_tables(h: Hamiltonian, n_rows_electrons: int, n_columns_electrons: int) -> SigmaTables:
    """The tables for a vector whose rows and columns are strings of so many electrons."""
    n = h.n_orbitals
    place, g, block_start = order_pairs(h.two_body)
    hops = make_hops(n, n_rows_electrons)
    pair = place[hops.p, hops.q].astype(np.int64)
    block = np.searchsorted(block_start, pair, side="right") - 1
    n_rows = len(pair)
    blocks, source, sign, pairs = [], [], [], []
    for b in range(len(block_start) - 1):
        inside = block == b
        most = int(inside.sum(axis=1).max(initial=0))
        if most:
            chosen = np.argsort(~inside, axis=1, kind="stable")[:, :most]  # those inside come first
            there = np.take_along_axis(inside, chosen, axis=1)
            source.append(np.where(there, np.take_along_axis(hops.source, chosen, axis=1), 0))
            sign.append(np.where(there, np.take_along_axis(hops.sign, chosen, axis=1), 0))
            pairs.append(np.where(there, np.take_along_axis(pair, chosen, axis=1), block_start[b]))
            first = sum(x.shape[1] for x in source[:-1])
            blocks.append((int(block_start[b]), int(block_start[b + 1] - block_start[b]), first, most))
    empty = np.zeros((n_rows, 0))
    sizes = np.diff(block_start)
    reached = np.zeros(len(g), dtype=bool)
    for first, size, *_ in blocks:
        reached[first : first + size] = True
    rows = same_spin_rows(h, hops)
    same = n_rows_electrons == n_columns_electrons
    return SigmaTables(
        h.constant,
        g,
        np.array(blocks, dtype=np.int64).reshape(-1, 4),
        np.repeat(block_start[:-1], sizes),
        np.repeat(sizes, sizes),
        np.hstack([empty, *source]).astype(np.uint32),
        np.hstack([empty, *sign]).astype(np.int8),
        np.hstack([empty, *pairs]).astype(np.uint32),
        _inner(n, n_columns_electrons, place, reached, narrow=is_narrow((n_rows, comb(n, n_columns_electrons)))),
        rows,
        rows if same else same_spin_rows(h, make_hops(n, n_columns_electrons)),
    )


def _inner(n: int, n_electrons: int, place: Array, reached: Array, *, narrow: bool) -> Pairs:
    """``A_P = E_pq + E_qp``, or ``E_pp``, as pair lists by segment of targets, orbital pair and target.

    `reached`: the orbital pairs whose block of g any row string has a hop in; the others have no pairs.
    """
    strings = make_strings(n, n_electrons)
    n_pairs, n_segments = n * (n + 1) // 2, -(-len(strings) // SEGMENT)
    parts: list[tuple[Array, ...]] = [
        (np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0))
    ]
    for p in range(n):
        for q in range(n):
            if not reached[place[p, q]]:
                continue
            found = pair_list(Ladder((p,), (q,)), strings)
            number = np.full(len(found.source), place[p, q], dtype=np.int64)
            parts.append((number, found.target, found.source, found.sign))
    number, target, source, sign = (np.concatenate([part[k] for part in parts]) for k in range(4))
    where = target.astype(np.int64) // SEGMENT * n_pairs + number
    order = np.lexsort((target, where))
    start = np.searchsorted(where[order], np.arange(n_segments * n_pairs + 1)).astype(np.int64)
    return Pairs.of(start, source[order], target[order], sign[order], narrow=narrow)
