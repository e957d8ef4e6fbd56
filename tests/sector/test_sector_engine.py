"""The compiled engine against its plain twin, PySCF and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import circuits, hydrogen_chain, random_hamiltonian, singles_and_doubles

from hybridq_sector import twin
from hybridq_sector.engine import Engine
from hybridq_sector.program import DIRECT, PACKED_ROWS_ALPHA, PACKED_ROWS_BETA, compile_circuit
from hybridq_sector.sigma import compile_hamiltonian

EXACT = 1e-12


def engine(circuit, h, threads=1):
    return Engine(compile_circuit(circuit), compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta), threads, threads)


@pytest.mark.parametrize("real", [True, False])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_circuit_gives_the_twins_state_energy_and_gradient(real, data):
    circuit = data.draw(circuits(real=real))
    seed = data.draw(st.integers(0, 2**32 - 1))
    row = np.random.default_rng(seed).uniform(-4, 4, size=circuit.n_parameters)
    h = random_hamiltonian(circuit.n_orbitals, seed, blocks=data.draw(st.booleans()))
    threads = data.draw(st.integers(1, 3))
    energy, gradient = twin.energy_and_gradient(circuit, row, h)
    e = engine(circuit, h, threads)
    assert e.energy(row) == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(e.psi, twin.state(circuit, row), atol=EXACT)
    got, by_parameter = e.energy_and_gradient(row)
    assert got == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(by_parameter, gradient, atol=1e-10)


def test_every_kind_of_group_is_met_by_the_two_orders_of_uccsd():
    by_beta = compile_circuit(singles_and_doubles(5, 3, 2)).groups[:, 0]
    by_alpha = compile_circuit(singles_and_doubles(5, 3, 2, beta_outer=False)).groups[:, 0]
    assert {PACKED_ROWS_ALPHA, PACKED_ROWS_BETA} <= set(by_beta) | set(by_alpha)
    paired = compile_circuit(singles_and_doubles(3, 1, 1)).groups[:, 0]
    assert DIRECT in paired


@pytest.mark.parametrize(("n", "n_alpha", "n_beta"), [(2, 1, 1), (4, 2, 2), (5, 3, 1), (6, 3, 3), (4, 4, 2), (4, 0, 2)])
@pytest.mark.parametrize("blocks", [True, False])
def test_h_psi_equals_pyscf(n, n_alpha, n_beta, blocks):
    from pyscf.fci import direct_spin1

    h = random_hamiltonian(n, 3, blocks=blocks)
    circuit = singles_and_doubles(n, n_alpha, n_beta)
    e = engine(circuit, h, 2)
    e.psi[:] = np.random.default_rng(1).normal(size=e.psi.shape)
    e._energy()
    absorbed = direct_spin1.absorb_h1e(h.one_body, h.two_body, n, (n_alpha, n_beta), 0.5)
    expected = direct_spin1.contract_2e(absorbed, e.psi, n, (n_alpha, n_beta))
    np.testing.assert_allclose(e.lam, expected, atol=1e-11 * max(1, np.abs(expected).max()))


def test_gradient_equals_finite_differences_of_the_energy():
    circuit, h = singles_and_doubles(6, 3, 3), hydrogen_chain(6)
    e = engine(circuit, h)
    row = np.random.default_rng(5).normal(scale=0.2, size=circuit.n_parameters)
    _, gradient = e.energy_and_gradient(row)
    step = 1e-3
    for k in range(0, circuit.n_parameters, 7):
        d = np.zeros_like(row)
        d[k] = step
        values = [e.energy(row + m * d) for m in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert gradient[k] == pytest.approx(slope, abs=1e-9)


def test_any_number_of_threads_gives_the_same_bits():
    circuit, h = singles_and_doubles(8, 4, 4), hydrogen_chain(8)
    row = np.random.default_rng(7).normal(scale=0.05, size=circuit.n_parameters)
    one = engine(circuit, h, 1).energy_and_gradient(row)
    for threads in (2, 3, 5):
        other = engine(circuit, h, threads).energy_and_gradient(row)
        assert other[0] == one[0]
        assert np.array_equal(other[1], one[1])


def test_the_state_keeps_its_norm_and_a_full_turn_changes_nothing():
    circuit, h = singles_and_doubles(6, 3, 2), random_hamiltonian(6, 0)
    e = engine(circuit, h)
    row = np.random.default_rng(2).uniform(-3, 3, circuit.n_parameters)
    first = e.energy(row)
    assert np.linalg.norm(e.psi) == pytest.approx(1, abs=EXACT)
    assert e.energy(row + 2 * np.pi) == pytest.approx(first, abs=1e-10)


def test_variational_bound_and_full_ci_energy():
    from pyscf.fci import direct_spin1

    h = hydrogen_chain(6)
    exact, vector = direct_spin1.kernel(h.one_body, h.two_body, 6, (3, 3), ecore=h.constant, conv_tol=1e-12)
    circuit = singles_and_doubles(6, 3, 3)
    e = engine(circuit, h)
    for seed in range(3):
        assert e.energy(np.random.default_rng(seed).normal(size=circuit.n_parameters)) > exact
    e.psi[:] = vector
    assert e._energy() == pytest.approx(exact, abs=1e-9)
