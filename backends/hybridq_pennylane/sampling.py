"""Energies from samples: groups of strings that are diagonal in one product basis, and honest standard errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.paulis import PauliSum


def groups(paulis: PauliSum) -> list[list[int]]:
    """Numbers of strings that commute qubit by qubit, largest coefficients first; the identity is in none.

    Source: Verteletskyi, Yen, Izmaylov, doi:10.1063/1.5141458 (greedy, by coefficient).
    """
    order = np.argsort(-np.abs(paulis.coefficients), kind="stable")
    found: list[tuple[dict[int, str], list[int]]] = []
    for k in order.tolist():
        letters = {q: c for q, c in enumerate(reversed(paulis.labels[k])) if c != "I"}
        if not letters:
            continue
        for basis, members in found:
            if all(basis.get(q, c) == c for q, c in letters.items()):
                basis.update(letters)
                members.append(k)
                break
        else:
            found.append((dict(letters), [k]))
    return [members for _, members in found]


def shares(paulis: PauliSum, grouped: list[list[int]], shots: int) -> list[int]:
    """Shots of each group, in proportion to the norm of its coefficients, at least two; they add up to `shots`."""
    norms = np.array([np.linalg.norm(paulis.coefficients[members]) for members in grouped])
    ideal = (shots - 2 * len(grouped)) * norms / norms.sum()
    given = np.floor(ideal).astype(int)
    for k in np.argsort(-(ideal - given), kind="stable")[: shots - 2 * len(grouped) - int(given.sum())]:
        given[k] += 1
    return [int(n) + 2 for n in given]


def group_value(paulis: PauliSum, members: list[int], bits: NDArray[np.int64]) -> tuple[float, float]:
    """Mean of a group's part of the energy over samples and the variance of that mean, covariances included.

    Args:
        paulis: the observable.
        members: the group.
        bits: shape (n_samples, n_qubits), in the group's basis.
    """
    values = np.zeros(len(bits))
    for k in members:
        where = [q for q, c in enumerate(reversed(paulis.labels[k])) if c != "I"]
        values += paulis.coefficients[k] * (1.0 - 2.0 * (bits[:, where].sum(axis=1) % 2))
    return float(values.mean()), float(values.var(ddof=1) / len(values))
