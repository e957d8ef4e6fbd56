"""Random observables and Hamiltonians, and parts of settings as matrices."""

from __future__ import annotations

import numpy as np
from qiskit.quantum_info import Operator

from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.paulis import PauliSum
from hybridq.measurement import measurement, rotated
from hybridq.qubits import jordan_wigner, pauli_strings


def all_bits(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.uint8)


def part(setting):
    """U+ diag U, with U from Qiskit."""
    u = Operator(setting.tail()).data
    return u.conj().T @ np.diag(setting.values(all_bits(setting.n_qubits))) @ u


def whole(found, n):
    return sum((part(s) for s in found.settings), found.constant * np.eye(2**n, dtype=complex))


def random_sum(n, n_terms, seed):
    rng = np.random.default_rng(seed)
    return PauliSum.of([("".join(rng.choice(list("IXYZ"), n)), float(rng.normal())) for _ in range(n_terms)])


def random_hamiltonian(n, seed):
    """Symmetric integrals of no molecule: factors of both signs and full rank."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(n, n))
    factors = rng.normal(size=(n * (n + 1) // 2, n, n))
    factors = factors + factors.transpose(0, 2, 1)
    two = np.einsum("l,lpq,lrs->pqrs", rng.normal(size=len(factors)), factors, factors)
    return Hamiltonian(float(rng.normal()), one + one.T, two)


def matrix(hamiltonian):
    return pauli_strings(hamiltonian, jordan_wigner(hamiltonian.n_orbitals)).to_matrix().toarray()


def three_groupings(hamiltonian):
    strings = pauli_strings(hamiltonian, jordan_wigner(hamiltonian.n_orbitals))
    reference = ((0,), (0,))
    return {
        "qubit-wise": measurement(strings),
        "commuting": measurement(strings, "commuting"),
        "basis-rotation": rotated(hamiltonian),
        "shifted": rotated(hamiltonian, reference=reference),
    }


def random_state(n_qubits, seed):
    rng = np.random.default_rng(seed)
    psi = rng.normal(size=2**n_qubits) + 1j * rng.normal(size=2**n_qubits)
    return psi / np.linalg.norm(psi)
