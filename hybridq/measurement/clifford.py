"""Commuting Pauli strings made products of Z by one Clifford circuit of few two-qubit gates.

Any set of commuting strings is diagonalized by such a circuit (van den Berg and Temme, arXiv:2003.13599; Crawford et
al., arXiv:1908.06942). Here one string after the other, the shortest first, is shortened to a single Z by CX gates,
each chosen such that it also shortens the others most; its qubit then carries only Z or I in every string, and no
later gate touches it.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from hybridq.measurement.setting import Turn

Bits = NDArray[np.bool_]
PRODUCTS = 256  # strings up to which products of two are looked at for a shorter one


class Tableau:
    """Hermitian strings (Y where x and z) with signs, and the gates that they were conjugated by.

    Rules: Aaronson and Gottesman, arXiv:quant-ph/0406196.

    Attributes:
        x, z: shape (n_strings, n_qubits).
        minus: shape (n_strings,), whether the string stands with a minus sign.
        turns: the gates so far.
    """

    def __init__(self, x: Bits, z: Bits) -> None:
        self.x, self.z = x.copy(), z.copy()
        self.minus = np.zeros(len(x), dtype=np.bool_)
        self.turns: list[Turn] = []

    def h(self, q: int) -> None:
        """Exchange X and Z."""
        self.minus ^= self.x[:, q] & self.z[:, q]
        self.x[:, q], self.z[:, q] = self.z[:, q].copy(), self.x[:, q].copy()
        self.turns.append(Turn("h", (q,)))

    def s(self, q: int) -> None:
        """X to Y, Y to -X."""
        self.minus ^= self.x[:, q] & self.z[:, q]
        self.z[:, q] ^= self.x[:, q]
        self.turns.append(Turn("s", (q,)))

    def sdg(self, q: int) -> None:
        """Y to X, X to -Y."""
        self.minus ^= self.x[:, q] & ~self.z[:, q]
        self.z[:, q] ^= self.x[:, q]
        self.turns.append(Turn("sdg", (q,)))

    def cx(self, control: int, target: int) -> None:
        """X of the control spreads to the target, Z of the target to the control."""
        xc, zc, xt, zt = self.x[:, control], self.z[:, control], self.x[:, target], self.z[:, target]
        self.minus ^= xc & zt & ~(xt ^ zc)
        xt ^= xc
        zc ^= zt
        self.turns.append(Turn("cx", (control, target)))

    def to_z(self, q: int, x: bool, z: bool) -> None:
        """Turn the letter (x, z) on a qubit into Z."""
        if x and z:
            self.sdg(q)
        if x:
            self.h(q)


def diagonalized(x: Bits, z: Bits) -> tuple[tuple[Turn, ...], NDArray[np.uint8], NDArray[np.float64]]:
    """Gates U with ``U P_k U+ = sign_k prod Z``: the gates, where the Z are, shape (m, n), and the signs, shape (m,).

    Args:
        x, z: strings that commute with each other, shape (m, n).
    """
    table = Tableau(x, z)
    active = np.ones(x.shape[1], dtype=np.bool_)
    while True:
        _retire(table, active)
        places = np.flatnonzero(active)
        if not len(places):
            break
        px, pz = _shortest(table.x[:, places], table.z[:, places])
        support = [int(q) for q in places[px | pz]]
        letters = dict(zip(places.tolist(), zip(px.tolist(), pz.tolist(), strict=True), strict=True))
        for q in support:
            table.to_z(q, *letters[q])
        while len(support) > 1:
            control, target, twist = _best(table, support)
            if twist:
                table.s(target)
            table.cx(control, target)
            support.remove(control)
    signs = np.where(table.minus, -1.0, 1.0)
    return tuple(table.turns), table.z.astype(np.uint8), signs


def _retire(table: Tableau, active: Bits) -> None:
    """Take out the qubits on which all strings have I or one and the same letter, which becomes Z."""
    codes = 2 * table.z.astype(np.int8) + table.x
    top = codes.max(axis=0)
    for q in np.flatnonzero(active & ((codes == 0) | (codes == top)).all(axis=0)).tolist():
        table.to_z(q, bool(top[q] & 1), bool(top[q] & 2))
        active[q] = False


def _shortest(x: Bits, z: Bits) -> tuple[Bits, Bits]:
    """The string, or product of two, that is on the fewest qubits."""
    both = np.unique(np.concatenate([x, z], axis=1), axis=0)
    if len(both) <= PRODUCTS:
        first, second = np.triu_indices(len(both), 1)
        both = np.concatenate([both, both[first] ^ both[second]])
    n = x.shape[1]
    weights = (both[:, :n] | both[:, n:]).sum(axis=1)
    weights[weights == 0] = n + 1
    found = both[int(np.argmin(weights))]
    return found[:n], found[n:]


def _best(table: Tableau, support: list[int]) -> tuple[int, int, bool]:
    """The CX between two qubits of the support, S on its target before or not, after which fewest letters are left."""
    best: tuple[int, tuple[int, int, bool]] | None = None
    for control, target in permutations(support, 2):
        xc, zc, xt, zt = table.x[:, control], table.z[:, control], table.x[:, target], table.z[:, target]
        before = int((xc | zc).sum() + (xt | zt).sum())
        for twist in (False, True):
            turned = zt ^ xt if twist else zt
            after = int((xc | (zc ^ turned)).sum() + ((xt ^ xc) | turned).sum())
            if best is None or after - before < best[0]:
                best = after - before, (control, target, twist)
    assert best is not None
    return best[1]
