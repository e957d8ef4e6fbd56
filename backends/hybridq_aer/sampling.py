"""Energies from counts: Pauli strings measured in groups, with the standard error that the counts show.

Strings that agree or are I on every qubit are measured by one circuit (qubit-wise commuting groups: Verteletskyi, Yen,
Izmaylov, arXiv:1907.03358, doi:10.1063/1.5141458). A group's value is one number for each sample, the sum of its
weighted strings, so that its sample variance holds the covariances of the strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum, bits

LEAST = 2  # samples of a group without which it has no variance
TURN = {"X": ("h",), "Y": ("sdg", "h"), "Z": ()}


@dataclass(frozen=True)
class Group:
    """Strings that one circuit measures.

    Attributes:
        turns: gates (name, qubit) after which the strings are products of Z.
        support: shape (n_strings, n_qubits), 1 where a string is not I.
        coefficients: shape (n_strings,).
    """

    turns: tuple[tuple[str, int], ...]
    support: NDArray[np.int64]
    coefficients: NDArray[np.float64]

    @property
    def weight(self) -> float:
        """The largest size of the group's value."""
        return float(np.abs(self.coefficients).sum())


def groups(observable: PauliSum) -> tuple[float, tuple[Group, ...]]:
    """The coefficient of the identity, and the groups of the other strings."""
    n = observable.n_qubits
    x, z = bits(observable.x, n), bits(observable.z, n)
    trivial = np.logical_not((x | z).any(axis=1))
    constant = float(observable.coefficients[trivial].sum())
    # Each string joins the first group that it fits, the heaviest first: 2 z + x is the letter, 0 for I.
    letters = (2 * z.astype(np.int8) + x).astype(np.int8)
    order = [k for k in np.argsort(-np.abs(observable.coefficients), kind="stable").tolist() if not trivial[k]]
    bases = np.zeros((len(order), n), dtype=np.int8)
    members: list[list[int]] = []
    for k in order:
        known = bases[: len(members)]
        fits = np.flatnonzero(((known == 0) | (letters[k] == 0) | (known == letters[k])).all(axis=1))
        place = int(fits[0]) if len(fits) else len(members)
        if place == len(members):
            members.append([])
        members[place].append(k)
        bases[place] = np.where(letters[k] == 0, bases[place], letters[k])
    made = []
    for basis, rows in zip(bases, members, strict=False):
        turns = [(name, q) for q in range(n) for name in TURN["ZXZY"[basis[q]]]]
        support = (x[rows] | z[rows]).astype(np.int64)
        made.append(Group(tuple(turns), support, observable.coefficients[rows]))
    return constant, tuple(made)


def shared_shots(found: tuple[Group, ...], shots: int) -> list[int]:
    """Samples for each group, in proportion to its weight, `shots` in all.

    Raises:
        InputError: fewer than `LEAST` for a group.
    """
    if shots < LEAST * len(found):
        raise InputError(
            f"{shots} shots are too few: the observable is measured in {len(found)} groups, each of which needs "
            f"{LEAST} for a standard error; ask for at least {LEAST * len(found)}, or leave shots out for exact values"
        )
    weights = np.array([group.weight for group in found])
    free = shots - LEAST * len(found)
    wanted = free * weights / weights.sum() if len(found) else weights
    given = np.floor(wanted).astype(int)
    given[np.argsort(given - wanted, kind="stable")[: free - int(given.sum())]] += 1
    return [LEAST + int(number) for number in given]


def estimate(group: Group, counts: Mapping[str, int]) -> tuple[float, float]:
    """Mean of a group's value and the variance of that mean, unbiased, from counts (qubit 0 rightmost)."""
    strings = np.array([[character == "1" for character in reversed(text)] for text in counts], dtype=np.int64)
    numbers = np.array(list(counts.values()), dtype=np.float64)
    signs = 1.0 - 2.0 * ((strings @ group.support.T) & 1)
    values = signs @ group.coefficients
    shots = numbers.sum()
    mean = float(numbers @ values / shots)
    return mean, float(numbers @ (values - mean) ** 2 / (shots - 1) / shots)
