"""The Jordan-Wigner encoding of a problem, vectorized over terms; for the peers that think in qubits.

A Pauli operator is held as ``X^x Z^z`` with bit masks x and z over qubits (spin orbitals); occupied is |1>.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.problem import Problem

DROP_BELOW = 1e-14


class PauliTerm(NamedTuple):
    """``coefficient`` times the product of ``letters[k]`` on ``qubits[k]``; the identity has no letters."""

    qubits: tuple[int, ...]
    letters: str
    coefficient: complex


class _Terms(NamedTuple):
    x: NDArray[np.int64]
    z: NDArray[np.int64]
    c: NDArray[np.complex128]


def hamiltonian(problem: Problem, *, interleaved: bool = False) -> list[PauliTerm]:
    """``constant + sum h_pq a+_p a_q + 1/2 sum (pq|rs) a+_p a+_r a_s a_q`` over spin orbitals, as Pauli terms.

    Qubits are spin orbitals, blocked, or with `interleaved` alpha 0, beta 0, alpha 1, beta 1, ...
    """
    n = problem.n_orbitals
    step, shift = (2, 1) if interleaved else (1, n)
    parts = [_Terms(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([problem.constant + 0j]))]
    p, q = (step * i.ravel() for i in np.indices((n, n)))
    for spin in (0, shift):
        parts += _ladder_products([(p + spin, True), (q + spin, False)], problem.one_body.ravel())
    p, q, r, s = (step * i.ravel() for i in np.indices((n, n, n, n)))
    half = problem.two_body.ravel() / 2
    for sigma in (0, shift):
        for tau in (0, shift):
            ladders = [(p + sigma, True), (r + tau, True), (s + tau, False), (q + sigma, False)]
            parts += _ladder_products(ladders, half)
    return _terms(parts)


def generator(sources: Sequence[int], targets: Sequence[int]) -> list[PauliTerm]:
    """``T - T+`` of one excitation as Pauli terms; they commute, and their coefficients are imaginary."""
    creations = [(np.array([p]), True) for p in targets]
    annihilations = [(np.array([p]), False) for p in reversed(sources)]
    forward = _ladder_products(creations + annihilations, np.ones(1))
    creations = [(np.array([p]), True) for p in sources]
    annihilations = [(np.array([p]), False) for p in reversed(targets)]
    backward = _ladder_products(creations + annihilations, -np.ones(1))
    return _terms(forward + backward)


def rotations(problem: Problem) -> tuple[list[PauliTerm], NDArray[np.int64], NDArray[np.float64]]:
    """The whole product as rotations ``exp(i scale_k t[parameter_k] P_k)`` of Pauli strings P_k.

    Returns:
        strings (coefficient 1 each), parameter of each, scale of each.
    """
    strings, parameters, scales = [], [], []
    for index, (sources, targets) in enumerate(problem.excitations()):
        for term in generator(sources, targets):
            strings.append(PauliTerm(term.qubits, term.letters, 1.0))
            parameters.append(index)
            scales.append(term.coefficient.imag)
    return strings, np.array(parameters, dtype=np.int64), np.array(scales)


def _ladder_products(ladders: list[tuple[NDArray[np.int64], bool]], values: NDArray[np.float64]) -> list[_Terms]:
    """Products of ladder operators, index arrays given left to right, as lists of ``X^x Z^z``.

    ``a_p = Z_{<p} X_p (1 - Z_p) / 2`` and ``a+_p = Z_{<p} X_p (1 + Z_p) / 2``.
    """
    kept = np.abs(values) > DROP_BELOW
    ladders = [(np.asarray(p, dtype=np.int64)[kept], dagger) for p, dagger in ladders]
    zero = np.zeros(int(kept.sum()), dtype=np.int64)
    products = [_Terms(zero, zero, values[kept].astype(np.complex128))]
    for p, dagger in ladders:
        bit = np.left_shift(np.int64(1), p)
        grown = []
        for left in products:
            sign = 1 - 2 * (np.bitwise_count(left.z & bit) & 1).astype(np.int64)
            for own, weight in ((np.int64(0), 0.5), (bit, 0.5 if dagger else -0.5)):
                grown.append(_Terms(left.x ^ bit, left.z ^ (bit - 1) ^ own, left.c * sign * weight))
        products = grown
    return products


def _terms(parts: list[_Terms]) -> list[PauliTerm]:
    x = np.concatenate([t.x for t in parts])
    z = np.concatenate([t.z for t in parts])
    c = np.concatenate([t.c for t in parts])
    keys, inverse = np.unique(np.stack([x, z]), axis=1, return_inverse=True)
    sums = np.zeros(keys.shape[1], dtype=np.complex128)
    np.add.at(sums, inverse.ravel(), c)
    # X Z = -i Y on every qubit that carries both.
    sums *= (-1j) ** (np.bitwise_count(keys[0] & keys[1]) % 4)
    return [_term(int(a), int(b), complex(v)) for a, b, v in zip(*keys, sums, strict=True) if abs(v) > DROP_BELOW]


def _term(x: int, z: int, coefficient: complex) -> PauliTerm:
    qubits = tuple(k for k in range((x | z).bit_length()) if (x | z) >> k & 1)
    letters = "".join("IXZY"[(x >> k & 1) + 2 * (z >> k & 1)] for k in qubits)
    return PauliTerm(qubits, letters, coefficient)
