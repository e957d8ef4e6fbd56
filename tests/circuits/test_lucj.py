"""LUCJ and what it is made of, against dense exponentials of operators that Qiskit multiplies out."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import hybridq as hq
from hybridq.chem.coupled_cluster import solve
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, NumberProduct
from hybridq_circuits.double_factorization import double_factorized
from hybridq_circuits.givens import givens
from hybridq_circuits.lucj import cluster_jastrow, interaction_pairs, lucj

SYMMETRIC = "H 0 0 0; H 0 0 1; H 0 0 2.1; H 0 0 3.3"


@cache
def chain() -> hq.Problem:
    return hq.Problem.from_xyz(SYMMETRIC, "sto-3g")


@cache
def ladders(n: int) -> list[np.ndarray]:
    """Annihilation operators of n modes as dense matrices; mode 0 is the lowest bit, Jordan-Wigner signs from below."""
    z, lower = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [0.0, 0.0]])
    found = []
    for p in range(n):
        m = np.eye(1)
        for q in range(n):
            m = np.kron(z if q < p else lower if q == p else np.eye(2), m)
        found.append(m)
    return found


def one_body(matrix: np.ndarray, modes: list[int], n: int) -> np.ndarray:
    """``sum matrix[p, q] a+_p a_q`` over the given modes."""
    a = ladders(n)
    return sum(matrix[p, q] * a[modes[p]].T @ a[modes[q]] for p in range(len(modes)) for q in range(len(modes)))  # type: ignore[return-value]


def numbers(n: int, mode: int) -> np.ndarray:
    return ladders(n)[mode].T @ ladders(n)[mode]


def unitary(n: int, seed: int, real: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, n)) + (0 if real else 1j) * rng.normal(size=(n, n))
    return np.linalg.qr(z)[0]


def state_of(circuit: hq.FermionicCircuit, row: np.ndarray) -> np.ndarray:
    """The sector engine's state among all 4^n determinants, beta on the high bits."""
    from hybridq_sector.engine import Engine
    from hybridq_sector.program import compile_circuit
    from hybridq_sector.strings import make_strings

    engine = Engine(compile_circuit(circuit), None)
    engine.prepare(row)
    n = circuit.n_orbitals
    alpha, beta = (make_strings(n, k) for k in (circuit.n_alpha, circuit.n_beta))
    full = np.zeros(4**n, dtype=complex)
    full[(alpha[:, None] + (beta[None] << n))] = engine.psi
    return full


def determinant(n: int, n_alpha: int, n_beta: int) -> np.ndarray:
    full = np.zeros(4**n, dtype=complex)
    full[(2**n_alpha - 1) + ((2**n_beta - 1) << n)] = 1
    return full


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 6), seed=st.integers(0, 10**6), real=st.booleans())
def test_givens_factors_multiply_to_the_matrix(n, seed, real):
    u = unitary(n, seed, real)
    product = np.eye(n, dtype=complex)
    for generator, angle in givens(u).factors("alpha"):
        kappa = np.zeros((n, n), dtype=complex)
        if isinstance(generator, NumberProduct):
            kappa[generator.alpha[0], generator.alpha[0]] = 1j
        else:
            p, q = generator.alpha.annihilations[0], generator.alpha.creations[0]
            kappa[q, p] = 1j if generator.imaginary else 1
            kappa -= kappa.conj().T
        product = expm(angle * kappa) @ product
    np.testing.assert_allclose(product, u, atol=1e-12)
    if real:
        assert not any(g.imaginary and t for g, t in givens(u).factors("beta") if isinstance(g, Excitation))
        assert not any(givens(u).phases[:-1])


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.ones((2, 3)), r"square matrix, got shape \(2, 3\)"),
        (2 * np.eye(3), r"U\+ U differs from 1 by 3"),
        (np.full((2, 2), np.nan), "unitary"),
        (np.zeros((0, 0)), "square"),
    ],
)
def test_what_is_not_unitary_is_refused(matrix, words):
    with pytest.raises(InputError, match=words):
        givens(matrix)


def test_the_double_factorization_is_the_exact_doubles_operator():
    found = solve(chain())
    t2 = found.doubles[1]
    n, o = 4, 2
    modes = [list(range(n)), list(range(n, 2 * n))]
    total = np.zeros((4**n, 4**n), dtype=complex)
    for z, u in zip(*double_factorized(t2), strict=True):
        np.testing.assert_allclose(u.conj().T @ u, np.eye(n), atol=1e-12)
        rotated = [sum(one_body(np.outer(u[:, p], u[:, p].conj()), m, 2 * n) for m in modes) for p in range(n)]
        total += 0.5j * sum(z[p, q] * rotated[p] @ rotated[q] for p in range(n) for q in range(n))
    hops = {
        (a, i): sum(ladders(2 * n)[m[a]].T @ ladders(2 * n)[m[i]] for m in modes) for a in range(o, n) for i in range(o)
    }
    doubles = 0.5 * sum(
        t2[i, j, a - o, b - o] * hops[a, i] @ hops[b, j]
        for i in range(o) for j in range(o) for a in range(o, n) for b in range(o, n)
    )  # fmt: skip
    np.testing.assert_allclose(total, doubles - doubles.conj().T, atol=1e-10)


@pytest.mark.parametrize("pairs", ["square", "hex", "heavy-hex", "all-to-all"])
def test_the_state_is_that_of_dense_exponentials(pairs):
    n, electrons = 3, (2, 1)
    rng = np.random.default_rng(3)
    coulomb = rng.normal(size=(2, 2, n, n))
    coulomb += coulomb.transpose(0, 1, 3, 2)
    rotations = np.array([unitary(n, 1), unitary(n, 2)])
    final = unitary(n, 5, real=True)
    final[:, 0] *= np.linalg.det(final)
    same, mixed = interaction_pairs(pairs, n)
    circuit = cluster_jastrow(n, electrons, coulomb, rotations, final, pairs=(same, mixed))
    modes = [list(range(n)), list(range(n, 2 * n))]

    def rotation(u):
        from scipy.linalg import logm

        return expm(sum(one_body(logm(u), m, 2 * n) for m in modes))

    psi = determinant(n, *electrons)
    for layer in range(2):
        exponent = np.zeros((4**n, 4**n), dtype=complex)
        for s in range(2):
            for t in range(2):
                allowed = same if s == t else mixed
                for p in range(n):
                    for q in range(n):
                        if (min(p, q), max(p, q)) in allowed:
                            product = numbers(2 * n, modes[s][p]) @ numbers(2 * n, modes[t][q])
                            exponent += 0.5j * coulomb[layer, int(s != t), p, q] * product
        u = rotation(rotations[layer])
        psi = u @ expm(exponent) @ u.conj().T @ psi
    psi = rotation(final) @ psi
    np.testing.assert_allclose(state_of(circuit, circuit.start), psi, atol=1e-11)


def test_the_start_from_ccsd_is_below_hartree_fock_and_all_layers_come_near_ccsd():
    problem = chain()
    energies = problem.references()
    correlation = energies["ccsd"] - energies["hf"]

    def energy(**options):
        circuit = lucj(problem, **options)
        task = hq.Task(circuit, circuit.start, problem.hamiltonian)
        return hq.backend("sector").submit([task]).result()[0].value[0]

    one = energy(layers=1)
    every = energy(layers=40, pairs="all-to-all")
    assert one < energies["hf"] + 0.1 * correlation
    assert every == pytest.approx(energies["ccsd"], abs=0.1 * abs(correlation))
    assert energy(layers=1, amplitudes="mp2") < energies["hf"]


def test_optimizing_one_layer_reaches_below_its_start():
    problem = chain()
    circuit = lucj(problem, pairs="square")
    result = hq.VQE(problem, circuit, max_iterations=15, progress=False).run()
    task = hq.Task(circuit, circuit.start, problem.hamiltonian)
    start = hq.backend("sector").submit([task]).result()[0].value[0]
    assert problem.references()["casci"] - 1e-9 < result.energy < start - 1e-4


def test_parameters_are_counted_and_shared_by_both_spins():
    problem = chain()
    n = problem.n_orbitals
    for pairs, extra in (("square", 3 + 4), ("hex", 3 + 2), ("heavy-hex", 3 + 1), ("all-to-all", 10 + 10)):
        circuit = lucj(problem, layers=2, pairs=pairs, final_rotation=False)
        assert circuit.n_parameters == 2 * (n * (n - 1) + extra)
    with_final = lucj(problem, layers=2, pairs="all-to-all")
    assert with_final.n_parameters == circuit.n_parameters + n * (n - 1) // 2
    assert hq.ansatz("lucj", layers=2, pairs="all-to-all").build(problem) == with_final


def test_layers_beyond_the_factorization_start_as_identities():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 1", "sto-3g")
    circuits = [lucj(problem, layers=k, pairs="all-to-all") for k in (2, 5)]
    tasks = [hq.Task(c, c.start, problem.hamiltonian) for c in circuits]
    energies = [result.value[0] for result in hq.backend("sector").submit(tasks).result()]
    assert energies[0] == pytest.approx(energies[1], abs=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": 0}, "at least 1, got 0"),
        ({"pairs": "triangle"}, "triangle"),
        ({"amplitudes": "zero"}, "zero"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        lucj(chain(), **options)


def test_open_shells_and_wrong_matrices_are_refused():
    with pytest.raises(InputError, match="as many alpha as beta"):
        lucj(hq.Problem.from_xyz("O 0 0 0; O 0 0 1.2", "sto-3g", spin=2, active_electrons=8, active_orbitals=6))
    pairs = interaction_pairs("square", 2)
    with pytest.raises(InputError, match=r"got \(1, 2, 3, 3\)"):
        cluster_jastrow(2, (1, 1), np.zeros((1, 2, 3, 3)), [np.eye(2)], pairs=pairs)
    for final, words in ((np.eye(2) * 1j, "real"), (np.diag([1.0, -1.0]), "determinant 1")):
        with pytest.raises(InputError, match=words):
            cluster_jastrow(2, (1, 1), np.zeros((1, 2, 2, 2)), [np.eye(2)], final, pairs=pairs)


def test_neighbours_and_lattices():
    assert interaction_pairs("square", 4) == (((0, 1), (1, 2), (2, 3)), ((0, 0), (1, 1), (2, 2), (3, 3)))
    assert interaction_pairs("hex", 4)[1] == ((0, 0), (2, 2))
    assert interaction_pairs("heavy-hex", 6)[1] == ((0, 0), (4, 4))
    assert set(interaction_pairs("all-to-all", 4)[0]) == {*combinations(range(4), 2), *((p, p) for p in range(4))}
