"""Single hops ``a+_p a_q`` on the strings of one spin, as rectangular tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.generators import Ladder
from hybridq_sector.strings import make_strings, n_strings, pair_list


def n_hops(n_orbitals: int, n_electrons: int) -> int:
    """Hops that lead to any one string: ``k (n - k)`` from elsewhere and ``k`` diagonal ones."""
    return n_electrons * (n_orbitals - n_electrons + 1)


@dataclass(frozen=True)
class Hops:
    """For each target string, all (p, q, source) with ``a+_p a_q |source> = sign |target>``.

    Attributes:
        p, q: orbitals, shape (n_strings, n_hops).
        source: index of the source string, same shape.
        sign: +1 or -1, same shape.
    """

    p: NDArray[np.int8]
    q: NDArray[np.int8]
    source: NDArray[np.uint32]
    sign: NDArray[np.int8]


def make_hops(n_orbitals: int, n_electrons: int) -> Hops:
    """The table of one spin."""
    strings = make_strings(n_orbitals, n_electrons)
    parts: list[list[NDArray[Any]]] = [[], [], [], [], []]
    for p in range(n_orbitals):
        for q in range(n_orbitals):
            pairs = pair_list(Ladder((p,), (q,)), strings)
            orbitals = [np.full_like(pairs.target, orbital) for orbital in (p, q)]
            columns: list[NDArray[Any]] = [pairs.target, *orbitals, pairs.source, pairs.sign]
            for part, column in zip(parts, columns, strict=True):
                part.append(column)
    target, p_all, q_all, source, sign = (np.concatenate(part) for part in parts)
    order = np.argsort(target, kind="stable")
    shape = (n_strings(n_orbitals, n_electrons), n_hops(n_orbitals, n_electrons))
    return Hops(
        p_all[order].reshape(shape).astype(np.int8),
        q_all[order].reshape(shape).astype(np.int8),
        source[order].reshape(shape).astype(np.uint32),
        sign[order].reshape(shape).astype(np.int8),
    )
