"""A Pauli sum as a matrix product operator.

Strings are cut between two qubits into a left and a right part, a graph with an edge for each string. A smallest set of
parts that touches all edges (a vertex cover, from a maximum matching by Koenig's theorem) gives the bond: a chosen left
part keeps its letters and sends its strings on, a chosen right part gathers its strings with their coefficients. No
number is rounded: each coefficient stands in one tensor as it was given. Ren, Li, Jiang and Shuai,
doi:10.1063/5.0018149 (arXiv:2006.02056).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.paulis import PauliSum, bits, integers
from hybridq_tensornet.lightcone import Kind

Numbers = NDArray[Any]  # float64 or complex128
Index = NDArray[np.int64]
AGREE = 46  # bits of a ratio of coefficients that must agree where parts become one: more is rounding
MATRICES = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 0], [0, -1]], [[0, 1], [-1, 0]]], dtype=np.float64)
"""I, X, Z and iY (all real), by 2 z + x."""
KINDS: tuple[Kind, ...] = ("none", "full", "diagonal", "full")


@dataclass(frozen=True, eq=False, repr=False)
class Mpo:
    """``O = sum over bonds of the product of W_q[l, r, bra, ket]``, qubit 0 first.

    ``<psi|O|psi>`` sums ``conj(psi[bra]) W psi[ket]`` over all qubits.

    Attributes:
        n_qubits: number of qubits.
        tensors: for each qubit W, shape (left bond, right bond, 2, 2); the first left and the last right bond are of
            size 1. Real (float64) where each string has an even number of Y, else complex128. On a qubit where no
            string acts, the identity of bond times qubit.
        kinds: how each tensor acts on its qubit, for all bonds.
    """

    n_qubits: int
    tensors: tuple[Numbers, ...]
    kinds: tuple[Kind, ...]

    @property
    def bonds(self) -> tuple[int, ...]:
        """Sizes of the bonds between neighbours, (n_qubits - 1) of them."""
        return tuple(tensor.shape[1] for tensor in self.tensors[:-1])

    @property
    def real(self) -> bool:
        """Whether all tensors are real."""
        return all(tensor.dtype == np.float64 for tensor in self.tensors)

    def __repr__(self) -> str:
        return f"<Mpo: {self.n_qubits} qubits, bonds up to {max(self.bonds, default=1)}>"


@dataclass(frozen=True)
class _Strings:
    """What is left of the strings, right of a cut: `left[k] * coefficients[k] * suffix number suffixes[k]`."""

    left: Index
    suffixes: Index
    coefficients: Numbers


def mpo(observable: PauliSum) -> Mpo:
    """The matrix product operator of a Pauli sum, exact.

    The bonds are at most those of the vertex covers; of relations between coefficients only common factors are used.

    Args:
        observable: any Pauli sum; its coefficients' unit is the operator's.
    """
    n = observable.n_qubits
    x, z = bits(observable.x, n), bits(observable.z, n)
    letters = 2 * z.astype(np.int64) + x
    turns = (x & z).sum(axis=1) % 4  # Y = -i (iY)
    coefficients = observable.coefficients * np.array([1, -1j, -1, 1j])[turns]
    values: Numbers = coefficients if (turns % 2).any() else coefficients.real.copy()
    if len(values) > 1 and not values.all():  # only a lone string may be zero
        return mpo(PauliSum.from_masks(n, integers(observable.x), integers(observable.z), observable.coefficients))
    kinds = tuple(_kind(column) for column in letters.T)
    acting = [q for q in range(n) if kinds[q] != "none"]
    heads, tails, numbers = _suffixes(letters)
    rest = _Strings(np.zeros(len(values), np.int64), numbers, values)
    width = 1
    tensors: list[Numbers] = []
    for q in range(n):
        if kinds[q] == "none":
            rest = _Strings(rest.left, tails[q][rest.suffixes], rest.coefficients)
            tensors.append(_identity(width, values.dtype))
            continue
        rest, tensor = _site(rest, width, heads[q][rest.suffixes], tails[q][rest.suffixes], last=q == acting[-1])
        width = tensor.shape[1]
        tensors.append(tensor)
    if not acting:
        tensors[0] = tensors[0] * rest.coefficients[0]
    return Mpo(n, tuple(tensors), kinds)


def _kind(letters: Index) -> Kind:
    if (letters & 1).any():
        return "full"
    return "diagonal" if letters.any() else "none"


def _identity(width: int, dtype: Any) -> Numbers:
    made: Numbers = np.einsum("lr,bk->lrbk", np.eye(width), np.eye(2)).astype(dtype)
    return made


def _suffixes(letters: Index) -> tuple[list[Index], list[Index], Index]:
    """For each qubit, the distinct right parts from it on: their first letters, and the numbers of what follows.

    Returns:
        heads and tails by qubit, each of shape (n_parts,), and the number of each whole string, shape (n_terms,).
    """
    numbers = np.zeros(len(letters), np.int64)
    heads: list[Index] = []
    tails: list[Index] = []
    for column in letters.T[::-1]:
        parts, numbers = np.unique(4 * numbers + column, return_inverse=True)
        heads.append(parts % 4)
        tails.append(parts // 4)
    return heads[::-1], tails[::-1], numbers


def _site(rest: _Strings, width: int, heads: Index, tails: Index, *, last: bool) -> tuple[_Strings, Numbers]:
    """The tensor of a qubit, and what is left to its right."""
    values = rest.coefficients
    parts, rows = np.unique(4 * rest.left + heads, return_inverse=True)
    ends, columns = np.unique(tails, return_inverse=True)
    above, below = _alike(rows, columns, values), _alike(columns, rows, values)
    leading_row, leading_column = above.leads[rows], below.leads[columns]
    u, v = above.classes[rows], below.classes[columns]
    lead = leading_row & leading_column
    n_u, n_v = above.n_classes, below.n_classes
    chosen_u, chosen_v = (np.zeros(n_u, bool), np.ones(n_v, bool)) if last else _cover(u[lead], v[lead], n_u, n_v)
    bond_u, bond_v = np.cumsum(chosen_u) - 1, np.cumsum(chosen_v) - 1 + chosen_u.sum()
    tensor = np.zeros((width, int(chosen_u.sum() + chosen_v.sum()), 4), values.dtype)

    kept = np.flatnonzero(chosen_u[above.classes])  # left parts that go on as they are
    tensor[parts[kept] // 4, bond_u[above.classes[kept]], parts[kept] % 4] = above.factors[kept]
    sent = chosen_u[u] & leading_row  # their strings, once a class
    gathered = ~chosen_u[u] & leading_column  # strings that end up in chosen right parts, once a class
    tensor[rest.left[gathered], bond_v[v[gathered]], heads[gathered]] = values[gathered]
    used = np.flatnonzero(chosen_v[below.classes])

    left = np.concatenate([bond_u[u[sent]], bond_v[below.classes[used]]])
    suffixes = np.concatenate([tails[sent], ends[used]])
    coefficients = np.concatenate([values[sent], below.factors[used]])
    made: Numbers = np.einsum("lrp,pbk->lrbk", tensor, MATRICES)
    return _Strings(left, suffixes, coefficients), made


@dataclass(frozen=True)
class _Alike:
    """Rows of a matrix that are multiples of each other.

    Attributes:
        classes: shape (n_rows,), the class of each row.
        factors: shape (n_rows,), what the leading row of its class is multiplied with; at most 1 in size.
        leads: shape (n_rows,), whether it is the leading one.
    """

    classes: Index
    factors: Numbers
    leads: NDArray[np.bool_]

    @property
    def n_classes(self) -> int:
        return int(self.leads.sum())


def _alike(rows: Index, columns: Index, values: Numbers) -> _Alike:
    """Which rows of a matrix, given by its entries, are multiples of each other to `AGREE` bits."""
    order = np.lexsort((columns, rows))
    columns, values = columns[order], values[order]
    starts = np.flatnonzero(np.diff(rows[order], prepend=-1))
    stops = np.append(starts[1:], len(rows))
    firsts = values[starts]
    classes, factors = np.arange(len(starts)), np.ones(len(starts), values.dtype)
    leads = np.ones(len(starts), bool)
    with np.errstate(all="ignore"):
        ratios = values / np.repeat(firsts, stops - starts)
    if not (np.isfinite(ratios) & (ratios != 0)).all():  # sizes from one end of floating point to the other, or 0 / 0
        return _Alike(classes, factors, leads)
    ratios = _rounded(ratios)
    known: dict[tuple[bytes, bytes], int] = {}
    leaders: list[int] = []
    for row in np.argsort(-np.abs(firsts), kind="stable").tolist():
        i, j = starts[row], stops[row]
        found = known.setdefault((columns[i:j].tobytes(), ratios[i:j].tobytes()), len(known))
        if found == len(leaders):
            leaders.append(row)
        classes[row] = found
        factors[row] = firsts[row] / firsts[leaders[found]]
        leads[row] = leaders[found] == row
    return _Alike(classes, factors, leads)


def _rounded(ratios: Numbers) -> Numbers:
    """To `AGREE` bits; equal numbers have equal bytes."""
    if np.iscomplexobj(ratios):
        found: Numbers = _rounded(ratios.real) + 1j * _rounded(ratios.imag)
        return found
    mantissas, exponents = np.frexp(ratios.real)
    whole: Numbers = np.ldexp(np.round(np.ldexp(mantissas, AGREE)), exponents - AGREE) + 0.0  # no -0.0
    return whole


def _cover(u: Index, v: Index, n_u: int, n_v: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A minimum vertex cover of the bipartite graph with edges (u[k], v[k]): which are chosen on either side.

    Koenig's theorem: with Z what alternating paths reach from the left vertices that a maximum matching leaves alone,
    the cover is the left without Z and the right within Z.
    """
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_bipartite_matching

    graph = csr_array((np.ones(len(u), np.int8), (u, v)), shape=(n_u, n_v))
    partner = maximum_bipartite_matching(graph, perm_type="column").astype(np.int64)  # of each left vertex, or -1
    alone = np.flatnonzero(partner < 0)
    matched = np.flatnonzero(partner >= 0)
    source = n_u + n_v
    starts = np.concatenate([np.full(len(alone), source), u, n_u + partner[matched]])
    stops = np.concatenate([alone, n_u + v, matched])
    paths = coo_array((np.ones(len(starts), np.int8), (starts, stops)), shape=(source + 1, source + 1)).tocsr()
    reached = np.zeros(source + 1, bool)
    reached[breadth_first_order(paths, source, return_predecessors=False)] = True
    return ~reached[:n_u], reached[n_u:source]
