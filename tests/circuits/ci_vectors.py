"""States of a fermionic circuit by PySCF's ladder operators on CI vectors: the oracle of these tests."""

from __future__ import annotations

import numpy as np
from pyscf import fci
from scipy.optimize import minimize

from hybridq.chem.problem import Problem
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import Excitation, Ladder


def _move(state: np.ndarray, n: int, pair: tuple[int, int], ladder: Ladder, spin: str) -> np.ndarray:
    create, destroy = getattr(fci.addons, f"cre_{spin}"), getattr(fci.addons, f"des_{spin}")
    na, nb = pair
    for p in ladder.annihilations:
        state = destroy(state, n, (na, nb), p)
        na, nb = (na - 1, nb) if spin == "a" else (na, nb - 1)
    for p in reversed(ladder.creations):
        state = create(state, n, (na, nb), p)
        na, nb = (na + 1, nb) if spin == "a" else (na, nb + 1)
    return state


def generate(g: Excitation, state: np.ndarray, n: int, pair: tuple[int, int]) -> np.ndarray:
    """``(T - T+) |state>``."""
    forth = _move(_move(state, n, pair, g.beta, "b"), n, pair, g.alpha, "a")
    back = _move(_move(state, n, pair, g.beta.adjoint, "b"), n, pair, g.alpha.adjoint, "a")
    return forth - back


def rotate(g: Excitation, angle: float, state: np.ndarray, n: int, pair: tuple[int, int]) -> np.ndarray:
    """``exp(angle G) |state>``; G G G = -G, so the exponential's series sums to this."""
    first = generate(g, state, n, pair)
    return state + np.sin(angle) * first + (1 - np.cos(angle)) * generate(g, first, n, pair)


def state_vector(circuit: FermionicCircuit, row: np.ndarray) -> np.ndarray:
    n, pair = circuit.n_orbitals, (circuit.n_alpha, circuit.n_beta)
    state = np.zeros([fci.cistring.num_strings(n, k) for k in pair])
    state[0, 0] = 1.0
    for factor, angle in zip(circuit.factors, circuit.angles(row), strict=True):
        state = rotate(factor.generator, angle, state, n, pair)
    return state


def times_hamiltonian(problem: Problem, state: np.ndarray) -> np.ndarray:
    h, n, pair = problem.hamiltonian, problem.n_orbitals, (problem.n_alpha, problem.n_beta)
    absorbed = fci.direct_spin1.absorb_h1e(h.one_body, h.two_body, n, pair, 0.5)
    return fci.direct_spin1.contract_2e(absorbed, state, n, pair) + h.constant * state


def circuit_energy(problem: Problem, circuit: FermionicCircuit, row: np.ndarray | None = None) -> float:
    state = state_vector(circuit, circuit.start if row is None else row)
    return float(np.vdot(state, times_hamiltonian(problem, state)))


def energy_and_gradient(problem: Problem, circuit: FermionicCircuit, row: np.ndarray) -> tuple[float, np.ndarray]:
    n, pair = circuit.n_orbitals, (circuit.n_alpha, circuit.n_beta)
    state = state_vector(circuit, row)
    bra = times_hamiltonian(problem, state)
    energy = float(np.vdot(state, bra))
    slopes = np.zeros(len(circuit.factors))
    for k in reversed(range(len(circuit.factors))):
        g, angle = circuit.factors[k].generator, circuit.angles(row)[k]
        slopes[k] = 2 * np.vdot(bra, generate(g, state, n, pair))
        state, bra = (rotate(g, -angle, x, n, pair) for x in (state, bra))
    return energy, circuit.gather(slopes)


def optimum(problem: Problem, circuit: FermionicCircuit, **options: float) -> float:
    found = minimize(
        lambda row: energy_and_gradient(problem, circuit, row),
        circuit.start,
        jac=True,
        method="BFGS",
        options={"gtol": 1e-6, **options},
    )
    return float(found.fun)
