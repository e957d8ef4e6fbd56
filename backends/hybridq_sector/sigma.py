"""``H |psi>`` on a fixed-number sector.

``H = H_aa + H_bb + H_ab``. The same-spin parts are sparse matrices on the strings of one spin. The mixed
part is ``sum_PR g_PR A_P B_R`` over orbital pairs P, R, with ``A_P = E_pq + E_qp`` (or ``E_pp``) on alpha and
``B_R`` on beta, and ``g_PR = (pq|rs)``. For one beta string J only `n_hops` of the B_R lead to it, so

    sigma[:, J] = sum_P A_P W_P,    W_P = sum_R g_PR C_R,    C_R = psi[:, source of J under R]

is a matrix product of (n_pairs, n_hops) with (n_hops, alpha strings) and one gather (Knowles and Handy,
doi:10.1016/0009-2614(84)85513-X, with the product restricted to the hops that exist). Pairs are ordered so
that g is block diagonal where the point group makes it so, and the product is done block by block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.hamiltonian import Hamiltonian
from hybridq_sector.hops import Hops, make_hops, n_hops
from hybridq_sector.strings import n_strings

CHUNK = 1 << 18  # triplets handled at once while the same-spin matrices are made


@dataclass(frozen=True)
class SparseRows:
    """A square sparse matrix by rows: `start` (n + 1,), `column` and `value` (n_nonzero,)."""

    start: NDArray[np.int64]
    column: NDArray[np.uint32]
    value: NDArray[np.float64]


@dataclass(frozen=True)
class Sigma:
    """A Hamiltonian prepared for one sector.

    Attributes:
        g: integrals over ordered orbital pairs, shape (n_pairs, n_pairs), hartree.
        block_start: where the diagonal blocks of g begin, shape (n_blocks + 1,).
        beta_pair, beta_source, beta_sign: hops to each beta string, ordered by pair, shape (n_beta, hops).
        beta_block: where each block begins among a string's hops, shape (n_beta, n_blocks + 1).
        gather: places in W (n_pairs x n_alpha, flat) that add to each alpha string, those with sign +1
            first, shape (n_alpha, hops).
        n_plus: how many of them have sign +1, shape (n_alpha,).
    """

    constant: float
    shape: tuple[int, int]
    g: NDArray[np.float64]
    block_start: NDArray[np.int64]
    beta_pair: NDArray[np.uint32]
    beta_source: NDArray[np.uint32]
    beta_sign: NDArray[np.int8]
    beta_block: NDArray[np.uint32]
    gather: NDArray[np.uint32]
    n_plus: NDArray[np.uint32]
    alpha: SparseRows
    beta: SparseRows

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        own = (self.g, self.block_start, self.beta_pair, self.beta_source, self.beta_sign, self.beta_block)
        rows = (x for m in (self.alpha, self.beta) for x in (m.start, m.column, m.value))
        return sum(x.nbytes for x in (*own, self.gather, self.n_plus, *rows))


def order_pairs(two_body: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.int64]]:
    """Place of each orbital pair (n, n), g over ordered pairs, and the starts of its diagonal blocks."""
    from scipy.sparse.csgraph import connected_components

    n = two_body.shape[0]
    rows, columns = np.tril_indices(n)
    g = two_body[rows, columns][:, rows, columns]
    n_blocks, label = connected_components(g != 0, directed=False)
    order = np.argsort(label, kind="stable")
    place = np.zeros((n, n), dtype=np.uint32)
    place[rows[order], columns[order]] = np.arange(len(order))
    place[columns[order], rows[order]] = np.arange(len(order))
    starts = np.searchsorted(label[order], np.arange(n_blocks + 1)).astype(np.int64)
    return place, np.ascontiguousarray(g[np.ix_(order, order)]), starts


def same_spin_rows(h: Hamiltonian, hops: Hops) -> SparseRows:
    """``sum k_pq E_pq + 1/2 sum (pq|rs) E_pq E_rs`` on one spin, with ``k_pq = h_pq - 1/2 sum_r (pr|rq)``."""
    from scipy.sparse import coo_array, csr_array, vstack

    n_s, n_h = hops.source.shape
    if n_h == 0:
        empty = np.zeros(0)
        return SparseRows(np.zeros(n_s + 1, np.int64), empty.astype(np.uint32), empty)
    kinetic = h.one_body - 0.5 * np.einsum("prrq->pq", h.two_body)
    step = max(1, CHUNK // n_h**2)
    blocks = []
    for first in range(0, n_s, step):
        rows = slice(first, min(n_s, first + step))
        m = rows.stop - rows.start
        p, q, middle, sign = (x[rows] for x in (hops.p, hops.q, hops.source, hops.sign))
        value2 = 0.5 * h.two_body[p[..., None], q[..., None], hops.p[middle], hops.q[middle]]
        value2 *= sign[..., None] * hops.sign[middle]
        index = np.arange(m)
        row = np.concatenate([np.repeat(index, n_h * n_h), np.repeat(index, n_h)])
        column = np.concatenate([hops.source[middle].ravel(), middle.ravel()])
        value = np.concatenate([value2.ravel(), (kinetic[p, q] * sign).ravel()])
        blocks.append(csr_array(coo_array((value, (row, column)), shape=(m, n_s))))
    full = csr_array(vstack(blocks, format="csr"))
    full.sort_indices()
    return SparseRows(full.indptr.astype(np.int64), full.indices.astype(np.uint32), full.data)


def compile_hamiltonian(h: Hamiltonian, n_alpha: int, n_beta: int) -> Sigma:
    """Prepare a Hamiltonian for the sector of n_alpha and n_beta electrons."""
    n = h.n_orbitals
    alpha, beta = make_hops(n, n_alpha), make_hops(n, n_beta)
    place, g, block_start = order_pairs(h.two_body)

    pair = place[beta.p, beta.q]
    order = np.argsort(pair, axis=1, kind="stable")
    beta_pair = np.take_along_axis(pair, order, axis=1)
    beta_block = np.stack([(beta_pair < s).sum(axis=1) for s in block_start], axis=1).astype(np.uint32)

    n_strings_alpha = alpha.source.shape[0]
    plus_first = np.argsort(-alpha.sign, axis=1, kind="stable")
    flat = place[alpha.p, alpha.q] * np.uint32(n_strings_alpha) + alpha.source  # below 2^31 for all that fits memory
    return Sigma(
        h.constant,
        (n_strings_alpha, beta.source.shape[0]),
        g,
        block_start,
        beta_pair,
        np.take_along_axis(beta.source, order, axis=1),
        np.take_along_axis(beta.sign, order, axis=1),
        beta_block,
        np.take_along_axis(flat, plus_first, axis=1),
        (alpha.sign > 0).sum(axis=1).astype(np.uint32),
        same_spin_rows(h, alpha),
        same_spin_rows(h, beta),
    )


def same_spin_nonzeros(n: int, k: int) -> int:
    """Most entries that a same-spin matrix can have: its diagonal, all singles and all doubles."""
    from math import comb

    return n_strings(n, k) * (1 + k * (n - k) + comb(k, 2) * comb(n - k, 2)) if k else 0


def flops(n: int, n_alpha: int, n_beta: int) -> tuple[float, float, float]:
    """Multiply-adds of the matrix product, additions of the gather, multiply-adds of the same-spin parts."""
    pairs = n * (n + 1) // 2
    a, b = n_strings(n, n_alpha), n_strings(n, n_beta)
    product = float(a) * b * pairs * n_hops(n, n_beta)
    gather = float(a) * b * n_hops(n, n_alpha)
    same = float(same_spin_nonzeros(n, n_alpha)) * b + float(same_spin_nonzeros(n, n_beta)) * a
    return product, gather, same


def sigma_nbytes(n: int, n_alpha: int, n_beta: int, n_blocks: int) -> int:
    """`Sigma.nbytes` by counting, before anything is made; `n_blocks` is the number of diagonal blocks of g."""
    pairs = n * (n + 1) // 2
    a, b = n_strings(n, n_alpha), n_strings(n, n_beta)
    total = 8 * pairs**2 + 8 * (n_blocks + 1)
    total += b * (9 * n_hops(n, n_beta) + 4 * (n_blocks + 1))
    total += a * (4 * n_hops(n, n_alpha) + 4)
    for strings, electrons in ((a, n_alpha), (b, n_beta)):
        total += 8 * (strings + 1) + 12 * same_spin_nonzeros(n, electrons)
    return total


def count_blocks(two_body: NDArray[np.float64]) -> int:
    """Number of diagonal blocks of g."""
    return len(order_pairs(two_body)[2]) - 1
