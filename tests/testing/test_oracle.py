"""The kit's oracle against PySCF and against scipy's matrix exponential."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq.contract.circuit import FermionicCircuit, product
from hybridq.contract.errors import CapacityError
from hybridq.contract.generators import single
from hybridq.testing.cases import cases, random_hamiltonian
from hybridq.testing.oracle import Oracle


@pytest.mark.parametrize("electrons", [(1, 1), (2, 1), (2, 2), (3, 0)])
def test_lowest_eigenvalue_is_pyscf_fci(electrons):
    from pyscf import fci

    hamiltonian = random_hamiltonian(4, 9)
    oracle = Oracle(product(4, electrons, []))
    lowest = np.linalg.eigvalsh(oracle.hamiltonian(hamiltonian))[0]
    energy, _ = fci.direct_spin1.kernel(hamiltonian.one_body, hamiltonian.two_body, 4, electrons, tol=1e-13)
    assert lowest == pytest.approx(energy + hamiltonian.constant, abs=1e-10)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.circuit.name)
def test_states_are_products_of_matrix_exponentials(case):
    oracle = Oracle(case.circuit)
    for row in case.rows:
        psi = oracle.state(np.zeros_like(row))
        for factor, angle in zip(case.circuit.factors, case.circuit.angles(row), strict=True):
            psi = scipy.linalg.expm(angle * oracle.generator(factor.generator)) @ psi
        np.testing.assert_allclose(oracle.state(row), psi, atol=1e-13)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.circuit.name)
def test_densities_contract_to_the_energy(case):
    oracle, h = Oracle(case.circuit), case.hamiltonian
    rdm = oracle.rdm(case.rows[0])
    energy = h.constant + np.sum(h.one_body * rdm.one) + 0.5 * np.sum(h.two_body * rdm.two)
    assert energy == pytest.approx(oracle.energies(h, case.rows)[0], abs=1e-12)


def test_densities_of_a_real_state_are_those_of_pyscf():
    from pyscf import fci

    case = cases(real=True)[3]
    n, electrons = case.circuit.n_orbitals, (case.circuit.n_alpha, case.circuit.n_beta)
    oracle = Oracle(case.circuit)
    psi = oracle.state(case.rows[0]).real
    alpha = fci.cistring.make_strings(range(n), electrons[0])
    beta = fci.cistring.make_strings(range(n), electrons[1])
    ci = np.array([[psi[oracle.index[int(a) | int(b) << n]] for b in beta] for a in alpha])
    one, two = fci.direct_spin1.make_rdm12(ci, n, electrons)
    rdm = oracle.rdm(case.rows[0])
    np.testing.assert_allclose(rdm.one, one, atol=1e-13)
    np.testing.assert_allclose(rdm.two, two, atol=1e-13)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_ladder_operators_conserve_the_norm_of_any_state(which, seed):
    case = cases()[which]
    row = np.random.default_rng(seed).normal(size=case.circuit.n_parameters) * 10
    assert np.linalg.norm(Oracle(case.circuit).state(row)) == pytest.approx(1.0, abs=1e-12)


def test_gradients_of_a_rotation_are_its_known_derivative():
    hamiltonian = random_hamiltonian(2, 1)
    circuit = product(2, (1, 0), [single(0, 1, "alpha")])
    h = hamiltonian.one_body
    t = 0.3
    known = -np.sin(2 * t) * (h[0, 0] - h[1, 1]) + 2 * np.cos(2 * t) * h[0, 1]
    assert Oracle(circuit).gradients(hamiltonian, np.array([[t]]))[0, 0] == pytest.approx(known, abs=1e-10)


def test_the_metric_of_a_rotation_is_one_and_its_hamiltonian_the_energy_of_the_other_state():
    hamiltonian = random_hamiltonian(2, 1)
    circuit = product(2, (1, 0), [single(0, 1, "alpha")])
    h, t = hamiltonian.one_body, 0.3
    other = np.array([-np.sin(t), np.cos(t)])
    metric = Oracle(circuit).metric(hamiltonian, np.array([t]))
    assert metric.overlap[0, 0] == pytest.approx(1, abs=1e-10)
    assert metric.hamiltonian[0, 0] == pytest.approx(hamiltonian.constant + other @ h @ other, abs=1e-10)


def test_too_many_determinants_are_refused():
    with pytest.raises(CapacityError, match="1000 determinants"):
        Oracle(FermionicCircuit(8, ((0, 1, 2, 3), (0, 1, 2, 3)), (), 0))
