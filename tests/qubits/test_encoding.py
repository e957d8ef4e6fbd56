"""Encodings as changes of basis, held against permutation matrices and published tables."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyscf.fci
import pytest
from fock_oracle import annihilator, creator, random_hamiltonian
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq.chem.problem import Problem
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import CapacityError, InputError
from hybridq.qubits import (
    ENCODINGS,
    Encoding,
    bravyi_kitaev,
    encoding_for,
    jordan_wigner,
    parity,
    parity_reduced,
)
from hybridq.qubits.pauli import adjoint, annihilation, creation, multiply

FULL = [jordan_wigner, parity, bravyi_kitaev]


def product_matrix(x, z, n_qubits):
    """``X^x Z^z`` as a dense matrix."""
    states = np.arange(1 << n_qubits)
    out = np.zeros((1 << n_qubits, 1 << n_qubits))
    out[states ^ x, states] = 1.0 - 2.0 * (np.bitwise_count(states & z) % 2)
    return out


def sum_matrix(terms, n_qubits):
    return sum(c * product_matrix(x, z, n_qubits) for (x, z), c in terms.items())


def test_ladder_operators_are_the_dense_ones():
    for mode in range(4):
        np.testing.assert_array_equal(sum_matrix(annihilation(mode), 4), annihilator(mode, 4).toarray())
        np.testing.assert_array_equal(sum_matrix(creation(mode), 4), creator(mode, 4).toarray())


masks = st.integers(0, 63)
sums = st.dictionaries(st.tuples(masks, masks), st.complex_numbers(max_magnitude=2), min_size=1, max_size=4)


@given(sums, sums)
@settings(deadline=None)
def test_products_and_adjoints_of_pauli_sums_are_those_of_matrices(left, right):
    a, b = sum_matrix(left, 6), sum_matrix(right, 6)
    np.testing.assert_allclose(sum_matrix(multiply(left, right), 6), a @ b, atol=1e-12)
    np.testing.assert_allclose(sum_matrix(adjoint(left), 6), a.conj().T, atol=1e-12)


@pytest.mark.parametrize("make", FULL)
@given(x=masks, z=masks)
@settings(max_examples=50, deadline=None)
def test_a_pauli_product_is_carried_by_the_permutation_of_basis_states(make, x, z):
    code = make(3)
    permutation = np.zeros((64, 64))
    for occupation in range(64):
        permutation[code.basis_state(occupation), occupation] = 1.0
    new_x, new_z, sign = code.pauli(x, z)
    want = permutation @ product_matrix(x, z, 6) @ permutation.T
    np.testing.assert_array_equal(sign * product_matrix(new_x, new_z, 6), want)


@pytest.mark.parametrize("make", FULL)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 40])
def test_reads_invert_flips(make, n):
    code = make(n)
    for i, read in enumerate(code.reads):
        for j, flip in enumerate(code.flips):
            assert (read & flip).bit_count() % 2 == (i == j)


def test_parity_sums_all_modes_up_to_its_own():
    np.testing.assert_array_equal(parity(3).matrix, np.tril(np.ones((6, 6), dtype=bool)))


@pytest.mark.parametrize("n", [2, 4, 8, 16])
def test_bravyi_kitaev_is_the_published_recursion_for_powers_of_two(n):
    # Seeley, Richard, Love, arXiv:1208.5986, eq. (24), with modes in ascending order
    matrix = np.ones((1, 1), dtype=bool)
    while len(matrix) < 2 * n:
        lower = np.zeros_like(matrix)
        lower[-1] = True
        matrix = np.block([[matrix, np.zeros_like(matrix)], [lower, matrix]])
    np.testing.assert_array_equal(bravyi_kitaev(n).matrix, matrix)


@pytest.mark.parametrize("n", [8, 32, 100])
def test_bravyi_kitaev_touches_logarithmically_many_qubits(n):
    code = bravyi_kitaev(n)
    longest = max(((x | z).bit_count() for x, z in _encoded(code)), default=0)
    assert longest <= 2 * np.log2(2 * n) + 2
    assert max((x | z).bit_count() for x, z in _encoded(jordan_wigner(n))) == 2 * n


def _encoded(code):
    return [code.pauli(*key)[:2] for mode in range(code.n_modes) for key in annihilation(mode)]


@pytest.mark.parametrize("electrons", [(0, 0), (1, 0), (0, 3), (2, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("name", ENCODINGS)
def test_basis_states_follow_pyscf_string_order(name, electrons):
    n = 3
    reference = tuple(tuple(range(k)) for k in electrons)
    code = encoding_for(name, FermionicCircuit(n, reference, (), 0))
    alpha, beta = (pyscf.fci.cistring.make_strings(range(n), k) for k in electrons)
    states = code.basis_states(*electrons)
    assert states.shape == (len(alpha), len(beta))
    for i, a in enumerate(alpha):
        for j, b in enumerate(beta):
            assert states[i, j] == code.basis_state(int(a) | int(b) << n)
    assert len(np.unique(states)) == states.size
    assert states.max() < 1 << code.n_qubits


def test_a_problem_or_a_circuit_says_what_an_encoding_needs():
    problem = Problem(random_hamiltonian(3, seed=1), 2, 1)
    circuit = FermionicCircuit(3, ((0, 1), (0,)), (), 0)
    for name in ENCODINGS:
        assert encoding_for(name, problem) == encoding_for(name, circuit)
    made = parity_reduced(3, 2, 1)
    assert encoding_for(made, problem) is made


def test_jordan_wigner_states_are_the_occupations_themselves():
    assert jordan_wigner(3).basis_states(1, 2).tolist() == [
        [a | b << 3 for b in (0b011, 0b101, 0b110)] for a in (0b001, 0b010, 0b100)
    ]


def test_reduction_saves_two_qubits_and_knows_their_signs():
    code = parity_reduced(4, 3, 2)
    assert (code.n_modes, code.n_qubits) == (8, 6)
    number_parity = sum(1 << p for p in range(4))
    assert code.pauli(0, number_parity) == (0, 0, -1)
    assert code.pauli(0, number_parity << 4) == (0, 0, 1)


def test_reduction_refuses_what_breaks_its_symmetry():
    code = parity_reduced(2, 1, 1)
    with pytest.raises(InputError, match="holds fixed"):
        code.pauli(1, 0)
    with pytest.raises(InputError, match=r"other electron numbers.*\[0, 1, 2\]"):
        code.basis_state(0b0111)
    with pytest.raises(InputError, match="other electron numbers"):
        code.basis_states(2, 1)


def test_bad_encodings_are_refused_in_words():
    with pytest.raises(InputError, match="no inverse"):
        Encoding("twice", (1, 1))
    with pytest.raises(InputError, match="masks of 2 bits"):
        Encoding("wide", (1, 4))
    with pytest.raises(InputError, match="ascending"):
        Encoding("removed", (1, 2), ((5, 1),))
    with pytest.raises(InputError, match=r"\+1 or -1"):
        Encoding("removed", (1, 2), ((0, 0),))
    with pytest.raises(InputError, match="at least one orbital"):
        parity(0)
    with pytest.raises(InputError, match="leaves no qubit"):
        parity_reduced(1, 1, 1)
    with pytest.raises(InputError, match="do not fit"):
        parity_reduced(2, 3, 1)
    with pytest.raises(InputError, match="do not fit"):
        jordan_wigner(2).basis_states(3, 0)
    with pytest.raises(InputError, match="not a mask of 4 modes"):
        jordan_wigner(2).basis_state(16)
    with pytest.raises(CapacityError, match="at most 62"):
        jordan_wigner(32).basis_states(1, 1)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_invertible_matrix_is_an_encoding(random, n):
    columns = [1 << i for i in range(2 * n)]
    for _ in range(20):  # elementary column operations keep the matrix invertible
        i, j = random.sample(range(2 * n), 2)
        columns[i] ^= columns[j]
    code = Encoding("mixed", tuple(columns))
    assert sorted(code.basis_state(o) for o in range(1 << 2 * n)) == list(range(1 << 2 * n))
    x, z, x2, z2 = (random.randrange(1 << 2 * n) for _ in range(4))
    a, b = code.pauli(x, z), code.pauli(x2, z2)
    assert ((a[0] & b[1]).bit_count() + (a[1] & b[0]).bit_count()) % 2 == (
        (x & z2).bit_count() + (z & x2).bit_count()
    ) % 2


def test_importing_the_package_leaves_qiskit_and_scipy_alone():
    heavy = ("qiskit", "scipy", "pyscf", "numba")
    code = f"import sys, hybridq.qubits; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_qiskit_the_lowering_says_how_to_get_it():
    code = (
        "import sys, importlib.abc\n"
        "class Hidden(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'qiskit': raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
        "from hybridq.qubits import to_qiskit\n"
        "from hybridq.contract.circuit import product\n"
        "try:\n"
        "    to_qiskit(product(2, (1, 1), []))\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'qiskit>=2.1'" in done.stdout
