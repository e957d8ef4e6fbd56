"""Hamiltonians on qubits, held against PySCF's."""

from __future__ import annotations

import time

import numpy as np
import pyscf
import pyscf.mcscf
import pytest
from fock_oracle import fci_matrix, random_hamiltonian

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.qubits import (
    ENCODINGS,
    bravyi_kitaev,
    encoding_for,
    jordan_wigner,
    parity_reduced,
    pauli_strings,
    to_sparse_pauli_op,
)

pytest.importorskip("qiskit")


def active(mf, n_orbitals, n_electrons):
    cas = pyscf.mcscf.CASCI(mf, n_orbitals, n_electrons)
    one, constant = cas.get_h1eff()
    return Hamiltonian(constant, one, pyscf.ao2mo.restore(1, cas.get_h2eff(), n_orbitals)), cas.kernel()[0]


def code_for(name, n_orbitals, electrons):
    return encoding_for(name, FermionicCircuit(n_orbitals, tuple(tuple(range(k)) for k in electrons), (), 0))


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("electrons", [(1, 1), (2, 1), (1, 2), (0, 2), (3, 2), (0, 0)])
def test_every_matrix_element_is_that_of_pyscf(name, electrons):
    hamiltonian = random_hamiltonian(3, seed=11)
    code = code_for(name, 3, electrons)
    matrix = to_sparse_pauli_op(hamiltonian, code).to_matrix(sparse=True).tocsr()
    inside = code.basis_states(*electrons).ravel()
    np.testing.assert_allclose(matrix[inside][:, inside].toarray(), fci_matrix(hamiltonian, *electrons), atol=1e-10)
    outside = np.setdiff1d(np.arange(1 << code.n_qubits), inside)
    assert abs(matrix[outside][:, inside]).max() < 1e-12


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_spectrum_holds_every_sector_of_pyscf(name):
    hamiltonian = random_hamiltonian(2, seed=3)
    code = code_for(name, 2, (1, 0))
    kept = [(a, b) for a in range(3) for b in range(3) if name != "parity_reduced" or (a % 2, b % 2) == (1, 0)]
    want = np.sort(np.concatenate([np.linalg.eigvalsh(fci_matrix(hamiltonian, *s)) for s in kept]))
    got = np.linalg.eigvalsh(to_sparse_pauli_op(hamiltonian, code).to_matrix())
    np.testing.assert_allclose(got, want, atol=1e-10)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize(
    ("atoms", "active_orbitals", "n_electrons"), [("H 0 0 0; H 0 0 0.74", 2, 2), ("Li 0 0 0; H 0 0 1.6", 3, 2)]
)
def test_molecules_have_the_ground_energy_of_pyscf(name, atoms, active_orbitals, n_electrons):
    mf = pyscf.M(atom=atoms, basis="sto-3g", verbose=0).RHF().run()
    hamiltonian, energy = active(mf, active_orbitals, n_electrons)
    code = code_for(name, active_orbitals, (1, 1))
    inside = code.basis_states(1, 1).ravel()
    matrix = to_sparse_pauli_op(hamiltonian, code).to_matrix()[np.ix_(inside, inside)]
    assert abs(np.linalg.eigvalsh(matrix)[0] - energy) < 1e-10


def test_reduced_h2_is_the_published_two_qubit_hamiltonian():
    # II, IZ, ZI, ZZ and XX: O'Malley et al., arXiv:1512.06860
    mf = pyscf.M(atom="H 0 0 0; H 0 0 0.735", basis="sto-3g", verbose=0).RHF().run()
    hamiltonian, _ = active(mf, 2, 2)
    operator = to_sparse_pauli_op(hamiltonian, parity_reduced(2, 1, 1))
    assert sorted(operator.paulis.to_labels()) == ["II", "IZ", "XX", "ZI", "ZZ"]


@pytest.mark.parametrize("n", [20, 34])
def test_determinant_energies_are_those_of_slater_and_condon_beyond_one_machine_word(n):
    hamiltonian = random_hamiltonian(n, seed=n)
    code = bravyi_kitaev(n)
    strings = pauli_strings(hamiltonian, code)
    diagonal = ~strings.x.any(axis=1)
    rng = np.random.default_rng(1)
    for n_alpha, n_beta in ((n // 2, n // 3), (3, n - 1)):
        alpha, beta = (np.sort(rng.choice(n, k, replace=False)) for k in (n_alpha, n_beta))
        occupation = sum(1 << int(p) for p in alpha) | sum(1 << int(p) for p in beta) << n
        state = code.basis_state(occupation)
        words = np.array([state >> 64 * w & (1 << 64) - 1 for w in range(strings.z.shape[1])], dtype=np.uint64)
        odd = np.bitwise_count(strings.z[diagonal] & words).sum(axis=1) % 2
        got = float(strings.coefficients[diagonal] @ (1.0 - 2.0 * odd))
        coulomb = np.einsum("ppqq->pq", hamiltonian.two_body)
        exchange = np.einsum("pqqp->pq", hamiltonian.two_body)
        both = np.concatenate([alpha, beta])
        want = hamiltonian.constant + np.diag(hamiltonian.one_body)[both].sum()
        want += 0.5 * coulomb[np.ix_(both, both)].sum()
        want -= 0.5 * sum(exchange[np.ix_(s, s)].sum() for s in (alpha, beta))
        assert abs(got - want) < 1e-9 * abs(strings.coefficients).sum()


@pytest.mark.parametrize(("source", "target"), [(2, 31), (33, 4), (10, 11)])
def test_couplings_of_single_excitations_are_those_of_slater_and_condon_beyond_one_machine_word(source, target):
    n = 34
    hamiltonian = random_hamiltonian(n, seed=4)
    code = bravyi_kitaev(n)
    strings = pauli_strings(hamiltonian, code, cutoff=0.0)
    rng = np.random.default_rng(source)
    others = np.setdiff1d(np.arange(n), (source, target))
    alpha = np.sort(rng.choice(n, 9, replace=False))
    beta = np.sort(rng.choice(others, 12, replace=False))
    ket = sum(1 << int(p) for p in alpha) | sum(1 << n + int(p) for p in beta) | 1 << n + source
    bra = ket ^ (1 << n + source) ^ (1 << n + target)
    from_state, to_state = code.basis_state(ket), code.basis_state(bra)
    n_words = strings.x.shape[1]
    flip, state = (
        np.array([mask >> 64 * w & (1 << 64) - 1 for w in range(n_words)], dtype=np.uint64)
        for mask in (from_state ^ to_state, from_state)
    )
    x, z, c = (a[(strings.x == flip).all(axis=1)] for a in (strings.x, strings.z, strings.coefficients))
    power = np.bitwise_count(x & z).sum(axis=1) + 2 * np.bitwise_count(z & state).sum(axis=1)
    got = np.sum(c * 1j ** (power % 4))
    two = hamiltonian.two_body
    low, high = sorted((source, target))
    sign = (-1.0) ** np.sum((beta > low) & (beta < high))
    want = hamiltonian.one_body[target, source] - sum(two[target, k, k, source] for k in beta)
    want += sum(two[target, source, k, k] for k in (*alpha, *beta))
    assert abs(got - sign * want) < 1e-9


def test_each_string_comes_once_and_twenty_orbitals_take_seconds():
    hamiltonian = random_hamiltonian(20, seed=2)
    begin = time.process_time()
    operator = to_sparse_pauli_op(hamiltonian, jordan_wigner(20))
    assert time.process_time() - begin < 20
    assert len(operator) == len(operator.simplify(atol=0)) > 200_000
    assert operator.num_qubits == 40
    assert np.all(operator.coeffs.imag == 0)


def test_the_cutoff_drops_small_strings_only():
    hamiltonian = random_hamiltonian(4, seed=9)
    everything = pauli_strings(hamiltonian, jordan_wigner(4))
    some = pauli_strings(hamiltonian, jordan_wigner(4), cutoff=0.05)
    assert 0 < len(some.coefficients) < len(everything.coefficients)
    assert abs(some.coefficients).min() > 0.05
    assert len(some.coefficients) == (abs(everything.coefficients) > 0.05).sum()


def test_a_zero_hamiltonian_is_one_zero_string():
    zero = Hamiltonian(0.0, np.zeros((2, 2)), np.zeros((2, 2, 2, 2)))
    operator = to_sparse_pauli_op(zero, jordan_wigner(2))
    assert operator.paulis.to_labels() == ["IIII"]
    assert operator.coeffs.tolist() == [0]


def test_an_encoding_for_other_orbitals_or_a_bad_cutoff_is_refused():
    hamiltonian = random_hamiltonian(2, seed=1)
    with pytest.raises(InputError, match=r"2 orbitals.*for 6.*make the encoding for 2"):
        pauli_strings(hamiltonian, jordan_wigner(3))
    with pytest.raises(InputError, match="cutoff"):
        pauli_strings(hamiltonian, jordan_wigner(2), cutoff=-1.0)
