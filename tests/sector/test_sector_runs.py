"""Dense orbital rotations and diagonal passes against their twins, finite differences and dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import random_hamiltonian, singles_and_doubles

from hybridq.contract.circuit import Factor, FermionicCircuit, product
from hybridq.contract.generators import Excitation, Ladder, NumberProduct, mixed_double, single
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import Task
from hybridq_circuits.givens import givens
from hybridq_circuits.lucj import cluster_jastrow, interaction_pairs
from hybridq_sector import twin
from hybridq_sector.backend import SectorBackend
from hybridq_sector.cost import choose_threads, seconds
from hybridq_sector.engine import Engine
from hybridq_sector.program import DIAGONAL, PHASE, ROTATE_ALPHA, ROTATE_BETA, compile_circuit
from hybridq_sector.sigma import compile_hamiltonian
from hybridq_sector.tangents import Tangents


def unitary(n, seed):
    rng = np.random.default_rng(seed)
    return np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]


def jastrow(n, electrons, layers=1, pairs="all-to-all", seed=0):
    rng = np.random.default_rng(seed)
    coulomb = rng.normal(size=(layers, 2, n, n))
    rotations = np.array([unitary(n, seed + k) for k in range(layers)])
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    q[:, 0] *= np.linalg.det(q)
    return cluster_jastrow(n, electrons, coulomb, rotations, q, pairs=interaction_pairs(pairs, n))


def rotation_of(matrix, electrons):
    """Both spins' factors of one matrix, one parameter each, and their angles."""
    found = givens(matrix)
    pairs = [*found.factors("alpha"), *found.factors("beta")]
    circuit = product(len(matrix), electrons, [g for g, _ in pairs])
    return circuit, np.array([angle for _, angle in pairs])


def engine(circuit, h=None, threads=1):
    sigma = None if h is None else compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta)
    return Engine(compile_circuit(circuit), sigma, threads, threads)


@st.composite
def with_runs(draw):
    """Runs of one-body factors and of number products, long and short, between other factors."""
    n = draw(st.integers(2, 4))
    electrons = draw(st.integers(0, n)), draw(st.integers(0, n))
    orbital = st.integers(0, n - 1)
    part = st.sets(orbital, max_size=2).map(sorted).map(tuple)
    generators = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["rotation", "diagonal", "other"]))
        for _ in range(draw(st.integers(1, 12))):
            spin = draw(st.sampled_from(["alpha", "beta"]))
            p, q = draw(orbital), draw(orbital)
            if kind == "rotation" and p != q:
                g = single(p, q, spin)
                generators.append(Excitation(g.alpha, g.beta, draw(st.booleans()), draw(st.integers(0, 9)) < 9))
            elif kind == "rotation":
                generators.append(NumberProduct((p,), ()) if spin == "alpha" else NumberProduct((), (p,)))
            elif kind == "diagonal":
                a, b = draw(part), draw(part)
                generators.append(NumberProduct(a, b) if a or b else NumberProduct((p,), (q,)))
            elif p != q:
                generators.append(mixed_double((p, q), (draw(orbital), q)))
                break
    m = draw(st.integers(1, max(1, len(generators))))
    scale = st.sampled_from([1.0, -1.0, 0.5])
    factors = tuple(
        Factor(g, k if k < m else draw(st.integers(0, m - 1)), draw(scale)) for k, g in enumerate(generators)
    )
    reference = tuple(tuple(sorted(draw(st.permutations(range(n)))[:k])) for k in electrons)
    return FermionicCircuit(n, reference, factors, min(m, len(factors)))


@settings(max_examples=60, deadline=None)
@given(circuit=with_runs(), seed=st.integers(0, 2**32 - 1), threads=st.integers(1, 3))
def test_any_runs_give_the_twins_state_energy_gradient_and_metric(circuit, seed, threads):
    row = np.random.default_rng(seed).uniform(-4, 4, size=circuit.n_parameters)
    h = random_hamiltonian(circuit.n_orbitals, seed)
    e = engine(circuit, h, threads)
    e.prepare(row)
    np.testing.assert_allclose(e.psi, twin.state(circuit, row), atol=1e-12)
    energy, gradient = twin.energy_and_gradient(circuit, row, h)
    got, by_parameter = e.energy_and_gradient(row)
    assert got == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(by_parameter, gradient, atol=1e-10)
    if circuit.n_parameters <= 12:
        columns = Tangents(e).columns(e, row, tuple(range(circuit.n_parameters)))
        for ours, theirs in zip(columns, twin.metric(circuit, row, h), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize(("n", "electrons"), [(2, (1, 1)), (4, (2, 3)), (5, (5, 2)), (6, (3, 0)), (8, (4, 2))])
def test_a_dense_rotation_is_the_matrix_of_minors(n, electrons):
    u = unitary(n, n)
    circuit, angles = rotation_of(u, electrons)
    e = engine(circuit)
    kinds = e.program.groups[:, 0].tolist()
    assert n < 4 or kinds == [ROTATE_ALPHA, ROTATE_BETA]
    rng = np.random.default_rng(n)
    start = rng.normal(size=e.psi.shape) + 1j * rng.normal(size=e.psi.shape)
    psi = start.copy()
    e.sweeper.forward(psi, *e.sweeper.coefficients(angles))
    expected = twin.rotate_orbitals(u, twin.rotate_orbitals(u, start, electrons, 0), electrons, 1)
    np.testing.assert_allclose(psi, expected, atol=1e-11)
    lam = psi.copy()
    e.sweeper.back(psi, lam, *e.sweeper.coefficients(angles), whole=True)
    np.testing.assert_allclose(psi, start, atol=1e-11)
    assert np.array_equal(psi, lam)


@pytest.mark.parametrize(("n", "electrons"), [(3, (1, 2)), (5, (0, 2)), (5, (3, 5)), (8, (4, 4))])
def test_a_diagonal_pass_is_one_exponential_of_summed_angles(n, electrons):
    rng = np.random.default_rng(n)
    parts = [(), (0,), (n - 1,), (0, 1), (1, n - 1), (0, 1, 2)]
    generators = [NumberProduct(a, b) for a in parts for b in parts if a or b]
    circuit = product(n, electrons, [generators[k] for k in rng.permutation(len(generators))])
    e = engine(circuit)
    assert e.program.groups[:, 0].tolist() == [DIAGONAL]
    angles = rng.uniform(-3, 3, len(circuit.factors))
    start = rng.normal(size=e.psi.shape) + 1j * rng.normal(size=e.psi.shape)
    psi = start.copy()
    e.sweeper.forward(psi, *e.sweeper.coefficients(angles))
    np.testing.assert_allclose(psi, twin.apply_phases(circuit, 0, len(angles), angles, start), atol=1e-13)


@pytest.mark.parametrize("pairs", ["square", "all-to-all"])
def test_the_gradient_of_layers_equals_finite_differences(pairs):
    circuit, h = jastrow(5, (3, 2), 2, pairs), random_hamiltonian(5, 1)
    e = engine(circuit, h)
    row = circuit.start
    _, gradient = e.energy_and_gradient(row)
    step = 1e-3
    for k in range(0, circuit.n_parameters, 5):
        d = np.zeros_like(row)
        d[k] = step
        values = [e.energy(row + m * d) for m in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert gradient[k] == pytest.approx(slope, abs=1e-7 * max(1, np.abs(gradient).max()))


def test_any_number_of_threads_gives_the_same_bits():
    circuit, h = jastrow(9, (4, 3), 2), random_hamiltonian(9, 0)
    one = engine(circuit, h, 1).energy_and_gradient(circuit.start)
    for threads in (2, 3, 5):
        other = engine(circuit, h, threads).energy_and_gradient(circuit.start)
        assert other[0] == one[0]
        assert np.array_equal(other[1], one[1])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("circuit", [jastrow(6, (3, 2), 2), jastrow(5, (0, 3))], ids=["both spins", "one spin"])
def test_predicted_bytes_are_the_bytes_that_are_kept(circuit, threads):
    backend = SectorBackend(threads=threads)
    task = Task(circuit, circuit.start, random_hamiltonian(circuit.n_orbitals, 0), "gradient")
    predicted = backend.cost([task]).bytes
    backend.submit([task])
    assert predicted == backend._kept_bytes()


def test_long_runs_are_taken_together_and_short_ones_and_real_circuits_are_not():
    kinds = compile_circuit(jastrow(5, (3, 2), 2)).groups[:, 0].tolist()
    layer = [ROTATE_ALPHA, ROTATE_BETA, DIAGONAL]
    assert kinds == [*layer, *layer, ROTATE_ALPHA, ROTATE_BETA]
    short = product(
        4, (2, 2), [Excitation(Ladder((1,), (0,)), imaginary=True), NumberProduct((0,), (1,)), single(0, 2, "alpha")]
    )
    assert set(compile_circuit(short).groups[:, 0]) & {DIAGONAL, ROTATE_ALPHA, ROTATE_BETA} == set()
    assert PHASE in compile_circuit(short).groups[:, 0]
    assert compile_circuit(singles_and_doubles(4, 2, 2)).groups[:, 0].max() < PHASE


def test_predicted_time_counts_runs_and_not_their_factors():
    from hybridq_sector.cost import Rates

    circuit = jastrow(8, (4, 4), 1)
    once, twice = (
        seconds(c, "counts", choose_threads(c, 1), Rates())
        for c in (circuit, FermionicCircuit(8, circuit.reference, circuit.factors * 2, circuit.n_parameters))
    )
    # The second copy's first rotation joins the first copy's last.
    assert 1.3 * once < twice < 2 * once


def test_a_double_factorized_trotter_step_is_the_product_of_its_exponentials():
    from scipy.linalg import expm

    n, electrons, dt = 4, (2, 1), 0.3
    rng = np.random.default_rng(8)
    one = random_hamiltonian(n, 5).one_body
    u = np.linalg.qr(rng.normal(size=(n, n)))[0]
    z = rng.normal(size=(n, n))
    z = z + z.T
    two = np.einsum("kl,pk,qk,rl,sl->pqrs", z, u, u, u, u)
    shape = (6, 4)

    def exponential(h):
        units = np.eye(24, dtype=complex).reshape(24, *shape)
        dense = np.array([twin.apply_hamiltonian(h, unit, electrons).ravel() for unit in units]).T
        return expm(-1j * dt * dense)

    # 1/2 sum Z N_k N_l is not normal ordered: its one-body part stands in the first integrals.
    square = Hamiltonian(0.0, 0.5 * np.einsum("pqqs->ps", two), two)
    alone = Hamiltonian(0.0, one, np.zeros((n, n, n, n)))
    reference = np.zeros(24)
    reference[0] = 1
    expected = exponential(square) @ exponential(alone) @ reference

    pairs = interaction_pairs("all-to-all", n)
    layer = cluster_jastrow(n, electrons, -dt * np.array([[z, z]]), [u], pairs=pairs)
    first, angles = rotation_of(expm(-1j * dt * one), electrons)
    m = first.n_parameters
    rest = [Factor(f.generator, m + f.parameter, f.scale) for f in layer.factors]
    step = FermionicCircuit(n, layer.reference, (*first.factors, *rest), m + layer.n_parameters)
    e = engine(step)
    e.prepare(np.concatenate([angles, layer.start]))
    np.testing.assert_allclose(e.psi.ravel(), expected, atol=1e-11)
    assert e.program.groups[:, 0].tolist() == [ROTATE_ALPHA, ROTATE_BETA, DIAGONAL, ROTATE_ALPHA, ROTATE_BETA]
