"""Basis rotations: exact, conserving, and no gate that is not needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from measurement_cases import all_bits, matrix, random_hamiltonian, random_state, whole
from qiskit.quantum_info import Operator, Statevector

from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.measurement import rotated
from hybridq.qubits import jordan_wigner, pauli_strings


def numbers(n):
    """Diagonals of the alpha and of the beta number operator."""
    index = np.arange(4**n)
    return np.bitwise_count(index & (2**n - 1)), np.bitwise_count(index >> n)


@limits(max_examples=20)
@given(n=st.integers(1, 3), seed=st.integers(0, 10**6), data=st.data())
def test_the_settings_add_up_to_the_hamiltonian_for_any_reference(n, seed, data):
    hamiltonian = random_hamiltonian(n, seed)
    spins = st.lists(st.integers(0, n - 1), unique=True, max_size=n)
    reference = data.draw(st.none() | st.tuples(spins, spins))
    found = rotated(hamiltonian, reference=reference)
    exact = matrix(hamiltonian)
    assert np.abs(whole(found, 2 * n) - exact).max() < 1e-10 * max(1.0, np.abs(exact).max())
    assert found.grouping == "basis-rotation"
    assert len(found.settings) <= n * (n + 1) // 2 + 1


def test_the_energy_of_a_state_of_five_orbitals_is_that_of_its_settings():
    """From the fourth orbital on the phases of the rotations come round again."""
    hamiltonian = random_hamiltonian(5, 21)
    psi = Statevector(random_state(10, 21))
    strings = pauli_strings(hamiltonian, jordan_wigner(5)).to_matrix()
    exact = np.vdot(psi.data, strings @ psi.data).real
    found = rotated(hamiltonian, reference=((0, 1), (0,)))
    bits = all_bits(10)
    energy = found.constant
    for setting in found.settings:
        energy += float(np.abs(psi.evolve(setting.tail()).data) ** 2 @ setting.values(bits))
    assert energy == pytest.approx(exact, abs=1e-9)


def test_rotations_conserve_the_electrons_of_each_spin_and_join_neighbours_only():
    n = 3
    for setting in rotated(random_hamiltonian(n, 5)).settings:
        assert setting.conserves
        u = Operator(setting.tail()).data
        for number in numbers(n):
            assert np.abs(u * number[None, :] - number[:, None] * u).max() < 1e-12
        assert {t.name for t in setting.turns} <= {"s", "z", "sdg", "rxx", "ryy"}
        pairs = [t.qubits for t in setting.turns if len(t.qubits) == 2]
        assert all(b == a + 1 and b != n for a, b in pairs)
        assert len(pairs) <= 2 * n * (n - 1)


def test_a_hamiltonian_of_densities_needs_no_gate():
    rng = np.random.default_rng(3)
    two = np.zeros((4, 4, 4, 4))
    coulomb = rng.normal(size=(4, 4))
    for p in range(4):
        for q in range(4):
            two[p, p, q, q] = coulomb[p, q] + coulomb[q, p]
    found = rotated(Hamiltonian(0.5, np.diag(rng.normal(size=4)), two))
    assert all(not s.turns for s in found.settings)


def test_free_electrons_are_one_setting():
    one = random_hamiltonian(3, 8).one_body
    hamiltonian = Hamiltonian(0.3, one, np.zeros((3, 3, 3, 3)))
    found = rotated(hamiltonian)
    assert len(found.settings) == 1
    assert np.abs(whole(found, 6) - matrix(hamiltonian)).max() < 1e-12


def test_a_cutoff_leaves_out_settings_and_changes_no_energy_by_more():
    hamiltonian = random_hamiltonian(3, 11)
    exact, all_of_it = matrix(hamiltonian), rotated(hamiltonian)
    fewer = []
    for cutoff in (1.0, 20.0, 200.0):
        found = rotated(hamiltonian, cutoff=cutoff)
        assert np.linalg.norm(whole(found, 6) - exact, 2) <= cutoff
        fewer.append(len(found.settings))
    assert len(all_of_it.settings) > fewer[1] > fewer[2]


def test_bad_references_and_cutoffs_are_refused():
    hamiltonian = random_hamiltonian(2, 0)
    for reference in (((0, 0), ()), ((2,), ()), ((), (-1,))):
        with pytest.raises(InputError, match="from 0 to 1, each once"):
            rotated(hamiltonian, reference=reference)
    for cutoff in (-1.0, float("nan")):
        with pytest.raises(InputError, match="zero or positive"):
            rotated(hamiltonian, cutoff=cutoff)
