"""Plain NumPy twins of the compiled kernels: slow, short, and what tests hold the kernels against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import Ladder, NumberProduct
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq_sector.strings import make_strings, pair_list

Array = NDArray[Any]


def apply_ladders(
    alpha: Ladder,
    beta: Ladder,
    psi: Array,
    n_orbitals: int,
    n_electrons: tuple[int, int],
    *,
    signed: bool = True,
) -> Array:
    """``alpha * beta |psi>``, shape of psi (alpha strings x beta strings); all signs +1 where not `signed`."""
    a = pair_list(alpha, make_strings(n_orbitals, n_electrons[0]), signed=signed)
    b = pair_list(beta, make_strings(n_orbitals, n_electrons[1]), signed=signed)
    out = np.zeros_like(psi)
    out[np.ix_(a.target, b.target)] = np.outer(a.sign, b.sign) * psi[np.ix_(a.source, b.source)]
    return out


def apply_generator(circuit: FermionicCircuit, factor: int, psi: Array) -> Array:
    """``G |psi>`` for one factor's generator."""
    g = circuit.factors[factor].generator
    n, electrons = circuit.n_orbitals, (circuit.n_alpha, circuit.n_beta)
    if isinstance(g, NumberProduct):
        return np.asarray(1j * apply_ladders(Ladder(g.alpha, g.alpha), Ladder(g.beta, g.beta), psi, n, electrons))
    forth = apply_ladders(g.alpha, g.beta, psi, n, electrons, signed=g.fermionic)
    back = apply_ladders(g.alpha.adjoint, g.beta.adjoint, psi, n, electrons, signed=g.fermionic)
    return np.asarray(1j * (forth + back) if g.imaginary else forth - back)


def apply_factor(circuit: FermionicCircuit, factor: int, angle: float, psi: Array) -> Array:
    """``exp(angle G) |psi>``; ``G^3 = -G`` for excitations, ``G^2 = i G`` for number products."""
    once = apply_generator(circuit, factor, psi)
    if isinstance(circuit.factors[factor].generator, NumberProduct):
        phased: Array = psi + (np.exp(1j * angle) - 1) / 1j * once
        return phased
    twice = apply_generator(circuit, factor, once)
    turned: Array = psi + np.sin(angle) * once + (1 - np.cos(angle)) * twice
    return turned


def rotate_orbitals(matrix: Array, psi: Array, n_electrons: tuple[int, int], spin: int) -> Array:
    """Rotate the orbitals of one spin (0: alpha) by a matrix (n, n): each pair of strings meets in a minor of it."""
    n = len(matrix)
    occupied = [[p for p in range(n) if string >> p & 1] for string in make_strings(n, n_electrons[spin])]
    minors = np.array([[np.linalg.det(matrix[np.ix_(x, y)]) for y in occupied] for x in occupied])
    return np.asarray(minors @ psi if spin == 0 else psi @ minors.T)


def apply_phases(circuit: FermionicCircuit, first: int, last: int, angles: Array, psi: Array) -> Array:
    """Number products first to last (exclusive): one exponential of the sum of angles for each determinant."""
    n = circuit.n_orbitals
    rows, columns = (make_strings(n, k) for k in (circuit.n_alpha, circuit.n_beta))
    total = np.zeros(psi.shape)
    for f in range(first, last):
        g = circuit.factors[f].generator
        assert isinstance(g, NumberProduct)
        here = [
            np.all([strings >> p & 1 for p in part], axis=0) if part else np.ones(len(strings))
            for strings, part in ((rows, g.alpha), (columns, g.beta))
        ]
        total += angles[f] * np.outer(*here)
    return np.asarray(np.exp(1j * total) * psi)


def state(circuit: FermionicCircuit, row: Array) -> Array:
    """The state vector at one row of parameters, complex, shape (alpha strings, beta strings)."""
    strings = [make_strings(circuit.n_orbitals, len(occupied)) for occupied in circuit.reference]
    psi = np.zeros((len(strings[0]), len(strings[1])), dtype=complex)
    where = [
        int(np.searchsorted(s, sum(1 << p for p in occupied)))
        for s, occupied in zip(strings, circuit.reference, strict=True)
    ]
    psi[where[0], where[1]] = 1
    for k, angle in enumerate(circuit.angles(row)):
        psi = apply_factor(circuit, k, float(angle), psi)
    return psi


def apply_hamiltonian(h: Hamiltonian, psi: Array, n_electrons: tuple[int, int]) -> Array:
    """``H |psi>`` term by term from the definition of `Hamiltonian`."""
    n = h.n_orbitals

    def excite(p: int, q: int, phi: Array) -> Array:
        hop = Ladder((p,), (q,))
        return apply_ladders(hop, Ladder(), phi, n, n_electrons) + apply_ladders(Ladder(), hop, phi, n, n_electrons)

    single = {(r, s): excite(r, s, psi) for r in range(n) for s in range(n)}
    out = h.constant * psi
    kinetic = h.one_body - 0.5 * np.einsum("pqqs->ps", h.two_body)
    for p in range(n):
        for q in range(n):
            inner = sum(h.two_body[p, q, r, s] * single[r, s] for r in range(n) for s in range(n))
            out = out + kinetic[p, q] * single[p, q] + 0.5 * excite(p, q, np.asarray(inner))
    return out


def energy_and_gradient(circuit: FermionicCircuit, row: Array, h: Hamiltonian) -> tuple[float, Array]:
    """``<psi|H|psi>`` and its derivative by each parameter, one dense pass for each factor."""
    electrons = (circuit.n_alpha, circuit.n_beta)
    psi = state(circuit, row)
    lam = apply_hamiltonian(h, psi, electrons)
    energy = float(np.vdot(psi, lam).real)
    by_factor = np.zeros(len(circuit.factors))
    angles = circuit.angles(row)
    for k in range(len(circuit.factors) - 1, -1, -1):
        by_factor[k] = 2 * np.vdot(lam, apply_generator(circuit, k, psi)).real
        psi = apply_factor(circuit, k, -float(angles[k]), psi)
        lam = apply_factor(circuit, k, -float(angles[k]), lam)
    return energy, circuit.gather(by_factor)


def tangents(circuit: FermionicCircuit, row: Array) -> Array:
    """Derivative of the state by each parameter, complex, shape (n_parameters, alpha strings, beta strings)."""
    angles = circuit.angles(row)
    psi = state(circuit, np.zeros(circuit.n_parameters))
    found = np.zeros((circuit.n_parameters, *psi.shape), dtype=complex)
    for k, factor in enumerate(circuit.factors):
        psi = apply_factor(circuit, k, float(angles[k]), psi)
        found = np.array([apply_factor(circuit, k, float(angles[k]), v) for v in found])
        found[factor.parameter] += factor.scale * apply_generator(circuit, k, psi)
    return found


def metric(circuit: FermionicCircuit, row: Array, h: Hamiltonian) -> tuple[Array, Array]:
    """Overlaps and Hamiltonian between all tangents without their part along the state; each (n_parameters,) * 2."""
    psi = state(circuit, row)
    projected = [v - np.vdot(psi, v) * psi for v in tangents(circuit, row)]
    images = [apply_hamiltonian(h, v, (circuit.n_alpha, circuit.n_beta)) for v in projected]
    m = circuit.n_parameters
    pairs = [
        [(np.vdot(v, x).real, np.vdot(v, y).real) for x, y in zip(projected, images, strict=True)] for v in projected
    ]
    both = np.array(pairs, dtype=float).reshape(m, m, 2)
    return both[..., 0], both[..., 1]
