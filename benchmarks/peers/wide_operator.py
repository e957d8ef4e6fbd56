"""A sum of Pauli strings on few neighbouring qubits as a matrix product operator, and products of letters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.complex128]
LETTERS: dict[str, Array] = {
    "I": np.eye(2, dtype=np.complex128),
    "X": np.array([[0, 1], [1, 0]], dtype=np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=np.complex128),
    "Z": np.diag([1, -1]).astype(np.complex128),
}


def matrix_product_operator(n: int, terms: list[Any]) -> list[Array]:
    """Tensors of shape (left, right, out, in), one a qubit; the outer bonds have length 1.

    `terms` are [letters by qubit {q: letter}, coefficient]. A bond counts: no term yet, all done, and each term that
    is open across it.
    """
    strings = [({int(q): letter for q, letter in letters.items()}, c) for letters, c in terms]
    bonds: list[dict[Any, int]] = [{"before": 0}]
    for q in range(n - 1):
        across = [k for k, (letters, _) in enumerate(strings) if min(letters) <= q < max(letters)]
        bonds.append({name: place for place, name in enumerate(["before", "after", *across])})
    bonds.append({"after": 0})
    sites = []
    for q, (left, right) in enumerate(pairwise(bonds)):
        site = np.zeros((len(left), len(right), 2, 2), dtype=np.complex128)
        for name in ("before", "after"):
            if name in left and name in right:
                site[left[name], right[name]] = LETTERS["I"]
        for k, (letters, c) in enumerate(strings):
            first, last = min(letters), max(letters)
            if first <= q <= last:
                a, b = left["before" if q == first else k], right["after" if q == last else k]
                site[a, b] += (c if q == first else 1) * LETTERS[letters.get(q, "I")]
        sites.append(site)
    return sites


def product(letters: dict[str, str]) -> tuple[Array, tuple[int, ...]]:
    """The Kronecker product of a term's letters, and its qubits in the same order."""
    operator = np.eye(1, dtype=np.complex128)
    for letter in letters.values():
        operator = np.kron(operator, LETTERS[letter])
    return operator, tuple(int(q) for q in letters)
