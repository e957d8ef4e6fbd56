"""Oracle: fermions as sparse matrices on the whole Fock space, made from Kronecker products.

Basis state index: bit m is the occupation of mode m; alpha orbital p is mode p, beta orbital p mode n + p.
Nothing here comes from hybridq but the data types that say what to build.
"""

from __future__ import annotations

from functools import cache, reduce

import numpy as np
import pyscf.fci
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import expm_multiply

from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.generators import Excitation, Ladder, NumberProduct
from hybridq.contract.hamiltonian import Hamiltonian


@cache
def annihilator(mode, n_modes, *, signed=True):
    """Signs of the lower modes, |0><1| on the mode, identity above; the lowest mode is the last Kronecker factor."""
    lower, flip, one = np.diag([1.0, -1.0 if signed else 1.0]), np.array([[0.0, 1.0], [0.0, 0.0]]), np.eye(2)
    parts = [lower if m < mode else flip if m == mode else one for m in reversed(range(n_modes))]
    return reduce(lambda a, b: sparse.kron(a, b, format="csr"), parts)


def creator(mode, n_modes, *, signed=True):
    return annihilator(mode, n_modes, signed=signed).T.tocsr()


def generator_matrix(generator, n_orbitals):
    n_modes = 2 * n_orbitals
    t = sparse.identity(1 << n_modes, format="csr", dtype=complex)
    if isinstance(generator, NumberProduct):
        for mode in [*generator.alpha, *(n_orbitals + p for p in generator.beta)]:
            t = t @ creator(mode, n_modes) @ annihilator(mode, n_modes)
        return 1j * t
    for ladder, first in ((generator.alpha, 0), (generator.beta, n_orbitals)):
        for p in ladder.creations:
            t = t @ creator(first + p, n_modes, signed=generator.fermionic)
        for p in reversed(ladder.annihilations):
            t = t @ annihilator(first + p, n_modes, signed=generator.fermionic)
    return 1j * (t + t.conj().T) if generator.imaginary else t - t.conj().T


def state_vector(circuit, row):
    """The fermionic state in Fock space, shape (4^n_orbitals,)."""
    n = circuit.n_orbitals
    v = np.zeros(1 << 2 * n, dtype=complex)
    v[0] = 1.0
    alpha, beta = circuit.reference
    for mode in reversed([*alpha, *(n + p for p in beta)]):  # the first creator stands leftmost, so acts last
        v = creator(mode, 2 * n) @ v
    for factor in circuit.factors:
        v = expm_multiply(factor.scale * row[factor.parameter] * generator_matrix(factor.generator, n), v)
    return v


def fock_indices(n_orbitals, n_alpha, n_beta):
    """Index of each determinant, shape (alpha strings, beta strings), in PySCF's order."""
    alpha = pyscf.fci.cistring.make_strings(range(n_orbitals), n_alpha)
    beta = pyscf.fci.cistring.make_strings(range(n_orbitals), n_beta)
    return alpha[:, None] + (beta << n_orbitals)[None, :]


def fci_matrix(hamiltonian, n_alpha, n_beta):
    """PySCF's Hamiltonian of one sector, over pairs (alpha string, beta string)."""
    n = hamiltonian.n_orbitals
    shape = fock_indices(n, n_alpha, n_beta).shape
    size = shape[0] * shape[1]
    if n_alpha + n_beta == 0:
        return np.array([[hamiltonian.constant]])
    eri = pyscf.fci.direct_spin1.absorb_h1e(hamiltonian.one_body, hamiltonian.two_body, n, (n_alpha, n_beta), 0.5)
    columns = [
        pyscf.fci.direct_spin1.contract_2e(eri, unit.reshape(shape), n, (n_alpha, n_beta)).ravel()
        for unit in np.eye(size)
    ]
    return np.array(columns).T + hamiltonian.constant * np.eye(size)


def random_hamiltonian(n_orbitals, seed):
    """All integrals nonzero, with the symmetry of real orbitals."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(n_orbitals, n_orbitals))
    chol = rng.normal(size=(n_orbitals + 2, n_orbitals, n_orbitals))
    chol = chol + chol.transpose(0, 2, 1)
    two = np.tensordot(chol, chol, axes=(0, 0)) / n_orbitals**2
    return Hamiltonian(float(rng.normal()), one + one.T, two)


def _subsets(n, max_size, min_size=0):
    return st.lists(st.integers(0, n - 1), min_size=min_size, max_size=max_size, unique=True).map(
        lambda chosen: tuple(sorted(chosen))
    )


def generators(n_orbitals):
    """Excitations of any rank, spin pattern and overlap, real and imaginary, fermions' and qubits'; number products."""

    def ladder(rank):
        part = _subsets(n_orbitals, rank, rank)
        return st.builds(Ladder, part, part)

    rank = st.integers(0, min(3, n_orbitals))
    part = rank.flatmap(ladder)
    excitation = (
        st.tuples(part, part, st.booleans(), st.booleans())
        .filter(lambda t: not (t[0].is_diagonal and t[1].is_diagonal))
        .map(lambda t: Excitation(*t))
    )
    numbers = st.tuples(_subsets(n_orbitals, 2), _subsets(n_orbitals, 2)).filter(any).map(lambda t: NumberProduct(*t))
    return st.one_of(excitation, excitation, numbers)


@st.composite
def circuits(draw, min_orbitals=2, max_orbitals=4, max_factors=6):
    """Circuits with shared and scaled parameters, any reference determinant and electron numbers."""
    n = draw(st.integers(min_orbitals, max_orbitals))
    reference = (draw(_subsets(n, n)), draw(_subsets(n, n)))
    chosen = draw(st.lists(generators(n), min_size=1, max_size=max_factors))
    labels = [draw(st.integers(0, len(chosen) - 1)) for _ in chosen]
    order = {label: k for k, label in enumerate(dict.fromkeys(labels))}
    scales = [draw(st.sampled_from([1.0, -1.0, 0.5, 2.0, 0.0, 0.37])) for _ in chosen]
    factors = tuple(Factor(g, order[k], s) for g, k, s in zip(chosen, labels, scales, strict=True))
    return FermionicCircuit(n, reference, factors, len(order))
