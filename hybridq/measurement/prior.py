"""Prior variances: what one shot of a setting may be expected to spread, from a determinant near the state."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.measurement.clifford import Tableau
from hybridq.measurement.setting import Measurement, Setting

CLIFFORD = {"h": "h", "s": "sdg", "sdg": "s", "cx": "cx"}  # with their inverses
ROTATIONS = {"s": 1j, "z": -1, "sdg": -1j}


def prior_variances(measurement: Measurement, occupation: int) -> tuple[float, ...]:
    """Variance of one shot of each setting as expected near a determinant: its own, exact, and as much by the norms.

    The second part, what a random state would have scaled to the same sum, keeps settings from starving that have no
    variance in the determinant. For UCCSD of LiH, H4 and N2 the shares that follow take 0 to 10 % more shots than the
    best with groups of Pauli strings, and 8 to 54 % with rotated bases (benchmarks/shots.py).

    Args:
        measurement: of `hybridq.measurement.measurement` or `rotated`.
        occupation: the basis state of the qubits, qubit 0 its lowest bit.

    Raises:
        InputError: the basis state has other qubits, or a setting has gates that `measurement` does not make.
    """
    own = np.array([determinant_variance(setting, occupation) for setting in measurement.settings])
    norms = np.array([setting.norm**2 for setting in measurement.settings])
    scale = float(own.sum() / norms.sum()) if own.any() else 1.0
    return tuple((own + scale * norms).tolist())


def determinant_variance(setting: Setting, occupation: int) -> float:
    """Variance of one shot of a setting in a basis state, exact.

    Raises:
        InputError: as `prior_variances`.
    """
    n = setting.n_qubits
    if isinstance(occupation, bool) or not isinstance(occupation, int) or not 0 <= occupation < 1 << n:
        raise InputError(f"an occupation is a whole number below 2**{n}, a bit for each qubit, got {occupation!r}")
    state = np.array([occupation >> q & 1 for q in range(n)], dtype=np.bool_)
    names = {turn.name for turn in setting.turns}
    if names <= set(CLIFFORD):
        return _clifford(setting, state)
    if setting.conserves and names <= {*ROTATIONS, "rxx", "ryy"} and setting.support.sum(axis=1).max(initial=0) <= 2:
        return _slater(setting, state)
    raise InputError(f"a setting with the gates {sorted(names)} is not one that measurement() or rotated() makes")


def _clifford(setting: Setting, state: NDArray[np.bool_]) -> float:
    """The part takes the state to a sum of basis states: all but the state itself are its spread."""
    table = Tableau(np.zeros(setting.support.shape, dtype=np.bool_), setting.support.astype(np.bool_))
    for turn in reversed(setting.turns):
        getattr(table, CLIFFORD[turn.name])(*turn.qubits)
    moved = np.flatnonzero(table.x.any(axis=1))
    if not len(moved):
        return 0.0
    x, z = table.x[moved], table.z[moved]
    phase = 1j ** ((x & z).sum(axis=1) % 4) * (1.0 - 2.0 * ((z & state).sum(axis=1) % 2))
    amplitudes = setting.coefficients[moved] * np.where(table.minus[moved], -1.0, 1.0) * phase
    _, place = np.unique(x, axis=0, return_inverse=True)
    sums = np.zeros(len(moved), dtype=np.complex128)
    np.add.at(sums, place.reshape(-1), amplitudes)
    return float((np.abs(sums) ** 2).sum())


def _slater(setting: Setting, state: NDArray[np.bool_]) -> float:
    """By Wick's theorem: the rotated determinant is a determinant, with ``K_pq = <a+_p a_q>``.

    ``<n_i n_j n_k n_l>`` is the determinant of the 4 x 4 matrix of contractions, also for equal indices: K, and below
    the diagonal, where the annihilator stands left of the creator, ``K - 1``.
    """
    n = setting.n_qubits
    orbitals = np.eye(n, dtype=np.complex128)[:, state]
    for turn in setting.turns:
        if turn.name in ROTATIONS:
            orbitals[turn.qubits[0]] *= ROTATIONS[turn.name]
        elif turn.name == "rxx":  # half of the rotation; its ryy, which commutes with it, is the other half
            assert turn.angle is not None
            c, s = math.cos(turn.angle), -1j * math.sin(turn.angle)
            pair = list(turn.qubits)
            orbitals[pair] = np.array([[c, s], [s, c]]) @ orbitals[pair]
    k = orbitals.conj() @ orbitals.T
    hole = k - np.eye(n)
    # sum_T c_T prod Z with Z = 1 - 2 n becomes a constant and sum_ij b_ij n_i n_j, where n_i n_i = n_i.
    b = np.zeros((n, n))
    for row, c in zip(setting.support, setting.coefficients, strict=True):
        places = np.flatnonzero(row)
        b[places, places] -= 2 * c
        if len(places) == 2:
            b[places[0], places[1]] += 4 * c
    mean = sum(sign * _contracted(b, k, hole, order) for order, sign in _signed(2))
    square = sum(sign * _contracted(b, k, hole, order) for order, sign in _signed(4))
    return max(0.0, float(square.real - mean.real**2))


def _contracted(
    b: NDArray[np.float64], k: NDArray[np.complex128], hole: NDArray[np.complex128], order: tuple[int, ...]
) -> complex:
    """One term of the determinant, summed over all indices with the weights b."""
    letters = "ijkl"
    words = ["ij", "kl"][: len(order) // 2]
    factors: list[NDArray[np.complex128]] = [b.astype(np.complex128)] * len(words)
    for creator, annihilator in enumerate(order):
        words.append(letters[creator] + letters[annihilator])
        factors.append(k if creator <= annihilator else hole)
    return complex(np.einsum(",".join(words) + "->", *factors, optimize="greedy"))


def _signed(size: int) -> list[tuple[tuple[int, ...], int]]:
    """All permutations with their signs."""
    found = []
    for order in permutations(range(size)):
        inversions = sum(order[i] > order[j] for i in range(size) for j in range(i + 1, size))
        found.append((order, -1 if inversions % 2 else 1))
    return found
