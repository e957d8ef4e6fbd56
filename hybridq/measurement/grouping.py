"""Pauli strings in groups that are measured together.

Sorted insertion (Crawford et al., arXiv:1908.06942): strings in the order of their coefficients' sizes, the largest
first, each into the first group that it fits. It fits where it agrees with all members, or one of the two is I, on
every qubit ("qubit-wise": Verteletskyi, Yen, Izmaylov, arXiv:1907.03358), or where it commutes with all members
("commuting"), at the price of two-qubit gates before the measurement.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.paulis import PauliSum, bits
from hybridq.measurement.clifford import diagonalized
from hybridq.measurement.setting import Measurement, Setting, Turn

GROUPINGS = ("qubit-wise", "commuting")
TURN = {"I": (), "X": ("h",), "Y": ("sdg", "h"), "Z": ()}


def measurement(observable: PauliSum, grouping: str = "qubit-wise") -> Measurement:
    """Settings that measure an observable.

    Args:
        observable: what is measured.
        grouping: "qubit-wise", settings of one-qubit gates; or "commuting", fewer settings, with CX gates.

    Raises:
        InputError: the grouping is unknown, or is "basis-rotation", which takes a Hamiltonian: see `rotated`.
    """
    if grouping == "basis-rotation":
        raise InputError(
            "the grouping 'basis-rotation' is for a fermionic Hamiltonian, not for Pauli strings: "
            "hybridq.measurement.rotated(hamiltonian); for Pauli strings take 'qubit-wise' or 'commuting'"
        )
    if grouping not in GROUPINGS:
        raise unknown_name("grouping", grouping, (*GROUPINGS, "basis-rotation"))
    n = observable.n_qubits
    x, z = bits(observable.x, n), bits(observable.z, n)
    trivial = np.logical_not((x | z).any(axis=1))
    constant = float(observable.coefficients[trivial].sum())
    order = [k for k in np.argsort(-np.abs(observable.coefficients), kind="stable").tolist() if not trivial[k]]
    members = _qubit_wise(x, z, order) if grouping == "qubit-wise" else _commuting(observable, order)
    made = tuple(_setting(x[rows], z[rows], observable.coefficients[rows]) for rows in members)
    return Measurement(constant, made, grouping)


def _qubit_wise(x: NDArray[np.bool_], z: NDArray[np.bool_], order: list[int]) -> list[list[int]]:
    letters = (2 * z.astype(np.int8) + x).astype(np.int8)  # 0 for I
    bases = np.zeros((len(order), x.shape[1]), dtype=np.int8)
    members: list[list[int]] = []
    for k in order:
        known = bases[: len(members)]
        fits = np.flatnonzero(((known == 0) | (letters[k] == 0) | (known == letters[k])).all(axis=1))
        place = int(fits[0]) if len(fits) else len(members)
        if place == len(members):
            members.append([])
        members[place].append(k)
        bases[place] = np.where(letters[k] == 0, bases[place], letters[k])
    return members


def _commuting(observable: PauliSum, order: list[int]) -> list[list[int]]:
    x, z = observable.x[order], observable.z[order]
    owner = np.zeros(len(order), dtype=np.int64)
    members: list[list[int]] = []
    for k, name in enumerate(order):
        crossings = np.bitwise_count(x[:k] & z[k]) ^ np.bitwise_count(z[:k] & x[k])
        blocked = np.zeros(len(members) + 1, dtype=np.bool_)
        blocked[owner[:k][(crossings.sum(axis=1) & 1).astype(np.bool_)]] = True
        place = int(np.argmin(blocked))
        if place == len(members):
            members.append([])
        members[place].append(name)
        owner[k] = place
    return members


def _setting(x: NDArray[np.bool_], z: NDArray[np.bool_], coefficients: NDArray[np.float64]) -> Setting:
    basis = _basis(x, z)
    if basis is None:
        turns, support, signs = diagonalized(x, z)
    else:
        turns = tuple(Turn(name, (q,)) for q, letter in enumerate(basis) for name in TURN[letter])
        support, signs = (x | z).astype(np.uint8), np.ones(len(x))
    return Setting(x.shape[1], turns, support, signs * coefficients, conserves=not turns)


def _basis(x: NDArray[np.bool_], z: NDArray[np.bool_]) -> str | None:
    """The letter of each qubit where all strings agree; None where they do not."""
    letters = 2 * z.astype(np.int8) + x
    basis = letters.max(axis=0)
    return "".join("IXZY"[b] for b in basis) if ((letters == 0) | (letters == basis)).all() else None
