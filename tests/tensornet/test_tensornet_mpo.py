"""Matrix product operators against matrices."""

from __future__ import annotations

import numpy as np
import pyscf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import hybridq as hq
from hybridq.contract.paulis import PauliSum
from hybridq_tensornet.mpo import Mpo, mpo


def matrix(operator: Mpo) -> NDArray[np.complex128]:
    """The whole operator, qubit 0 the lowest bit."""
    found = np.ones((1, 1, 1), complex)  # bond, row, column
    for tensor in operator.tensors:
        size = 2 * found.shape[1]
        found = np.einsum("lij,lrbk->rbikj", found, tensor).reshape(-1, size, size)
    return found[0]


def applied(operator: Mpo, vector: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The operator on a state vector."""
    found = vector.reshape(1, 1, -1)  # bond, rows that are done, columns that are left
    for tensor in operator.tensors:
        left, done, rest = found.shape
        halves = found.reshape(left, done, rest // 2, 2)
        found = np.einsum("ldck,lrbk->rbdc", halves, tensor, optimize=True).reshape(-1, 2 * done, rest // 2)
    return found.reshape(-1)


@st.composite
def sums(draw: st.DrawFn) -> PauliSum:
    n = draw(st.integers(1, 7))
    alphabet = draw(st.sampled_from(["IXYZ", "IZ", "IY", "IIIXZ", "XY"]))
    labels = draw(st.lists(st.text(alphabet, min_size=n, max_size=n), min_size=1, max_size=40))
    values = draw(arrays(float, len(labels), elements=st.sampled_from([-2.0, -0.5, 0.1, 0.25, 1 / 3, 1.0, 7.0])))
    return PauliSum.of(list(zip(labels, values, strict=True)))


def chain(n: int, *parts: tuple[str, float]) -> PauliSum:
    """Each part at all places of a chain."""
    found: list[tuple[str, float]] = []
    for letters, value in parts:
        found += [("I" * k + letters + "I" * (n - k - len(letters)), value) for k in range(n - len(letters) + 1)]
    return PauliSum.of(found)


def molecule(atoms: str) -> PauliSum:
    mf = pyscf.M(atom=atoms, basis="sto-3g", verbose=0).RHF().run()
    return hq.Problem.from_pyscf(mf).to_qubits().hamiltonian


@given(sums())
def test_the_product_of_the_tensors_is_the_operator(observable: PauliSum) -> None:
    operator = mpo(observable)
    assert np.abs(matrix(operator) - observable.to_matrix()).max() <= 1e-14 * max(1.0, observable.bound)


@given(sums())
def test_shapes_fit_and_tensors_are_real_where_y_comes_in_pairs(observable: PauliSum) -> None:
    operator = mpo(observable)
    shapes = [tensor.shape for tensor in operator.tensors]
    assert shapes[0][0] == shapes[-1][1] == 1
    assert [shape[1] for shape in shapes[:-1]] == [shape[0] for shape in shapes[1:]] == list(operator.bonds)
    pairs = all(label.count("Y") % 2 == 0 for label in observable.labels)
    assert operator.real == pairs
    assert {tensor.dtype for tensor in operator.tensors} == {np.dtype(float if pairs else complex)}


@given(sums())
def test_kinds_say_how_each_tensor_acts(observable: PauliSum) -> None:
    operator = mpo(observable)
    for q, (kind, tensor) in enumerate(zip(operator.kinds, operator.tensors, strict=True)):
        letters = {label[observable.n_qubits - 1 - q] for label in observable.labels}
        assert kind == ("full" if letters & {"X", "Y"} else "diagonal" if "Z" in letters else "none")
        if kind != "full":
            assert not tensor[:, :, 0, 1].any()
            assert not tensor[:, :, 1, 0].any()
        if kind == "none":
            assert np.array_equal(tensor[:, :, 0, 0], tensor[:, :, 1, 1])


@given(sums())
def test_no_bond_is_larger_than_the_strings_and_the_letters_beside_it_need(observable: PauliSum) -> None:
    n = observable.n_qubits
    for q, bond in enumerate(mpo(observable).bonds):
        left = {label[n - 1 - q :] for label in observable.labels}
        right = {label[: n - 1 - q] for label in observable.labels}
        assert bond <= min(len(left), len(right))


@pytest.mark.parametrize("n", [4, 9, 70])
@pytest.mark.parametrize(
    ("parts", "bond"),
    [
        ([("ZZ", 1.0), ("X", 0.5)], 3),
        ([("Z", 0.3)], 2),
        ([("XX", 1.0), ("YY", 1.0), ("ZZ", 1.0)], 5),
        ([("XX", 1.0), ("YY", 0.7), ("ZZ", 0.2), ("Z", 0.1)], 5),
    ],
)
def test_spin_chains_have_the_bonds_of_the_textbook(n: int, parts: list[tuple[str, float]], bond: int) -> None:
    assert max(mpo(chain(n, *parts)).bonds) == bond


def test_qubits_without_a_string_pass_the_bond_on_as_an_identity() -> None:
    operator = mpo(PauliSum.of({"IZIIXI": 0.5, "IXIIXI": 0.25, "IXIIZI": 0.125}))
    assert operator.kinds == ("none", "full", "none", "none", "full", "none")
    assert operator.bonds == (1, 2, 2, 2, 1)
    for q in (0, 2, 3, 5):
        width = len(operator.tensors[q])
        assert np.array_equal(operator.tensors[q], np.einsum("lr,bk->lrbk", np.eye(width), np.eye(2)))


@pytest.mark.parametrize("terms", [{"III": 2.5}, {"Y": -0.5}, {"ZIY": 3.0}, {"I": 1.0}, {"X": 0.0}, {"IYY": 1e-200}])
def test_lone_strings_have_bonds_of_one(terms: dict[str, float]) -> None:
    observable = PauliSum.of(terms)
    operator = mpo(observable)
    assert set(operator.bonds) <= {1}
    assert np.array_equal(matrix(operator), observable.to_matrix().toarray())


def test_strings_with_a_coefficient_of_zero_are_left_out() -> None:
    z = np.array([[1], [2], [4]], np.uint64)
    operator = mpo(PauliSum(3, np.zeros((3, 1), np.uint64), z, np.array([0.0, 0.5, 0.0])))
    assert operator.kinds == ("none", "diagonal", "none")


def test_coefficients_of_all_sizes_come_out_to_rounding() -> None:
    rng = np.random.default_rng(5)
    labels = ["".join(rng.choice(list("IXYZ"), 4)) for _ in range(60)]
    values = 10.0 ** rng.uniform(-200, 200, 60)
    wild = PauliSum.of(dict(zip(labels, values, strict=True)))
    left = {label: matrix_entry(mpo(wild), label) for label in wild.labels}
    for label, value in zip(wild.labels, wild.coefficients, strict=True):
        assert left[label] == pytest.approx(value, rel=1e-12)


def matrix_entry(operator: Mpo, label: str) -> float:
    """The coefficient of a string: the trace with each letter, one qubit at a time."""
    letters = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]])}
    letters["Z"] = np.diag([1, -1])
    row = np.ones(1, complex)
    for tensor, letter in zip(operator.tensors, reversed(label), strict=True):
        row = row @ (np.einsum("lrbk,kb->lr", tensor, letters[letter]) / 2)
    return float(row[0].real)


@pytest.mark.parametrize(
    ("atoms", "largest"),
    [
        ("".join(f"H 0 0 {0.9 * k};" for k in range(4)), 16),
        ("Li 0 0 0; H 0 0 1.6", 29),
    ],
)
def test_molecules_are_exact_with_bonds_at_the_rank(atoms: str, largest: int) -> None:
    observable = molecule(atoms)
    operator = mpo(observable)
    assert operator.real
    assert max(operator.bonds) == largest
    rng = np.random.default_rng(3)
    vector = rng.normal(size=1 << observable.n_qubits) + 1j * rng.normal(size=1 << observable.n_qubits)
    vector /= np.linalg.norm(vector)
    assert np.abs(applied(operator, vector) - observable.to_matrix() @ vector).max() < 1e-13 * observable.bound


def test_thousands_of_strings_keep_their_coefficients_and_no_other_string_appears() -> None:
    observable = molecule("".join(f"H 0 0 {0.9 * k};" for k in range(10)))
    operator = mpo(observable)
    assert observable.n_terms > 7000
    assert max(operator.bonds) <= 80
    some = np.random.default_rng(2).choice(observable.n_terms, 300, replace=False)
    for k in some:
        assert matrix_entry(operator, observable.labels[k]) == pytest.approx(observable.coefficients[k], rel=1e-12)
    rng = np.random.default_rng(4)
    strings = {"".join(rng.choice(list("IXYZ"), 20)) for _ in range(50)} - set(observable.labels)
    assert strings
    assert all(matrix_entry(operator, label) == 0 for label in strings)


@pytest.mark.parametrize("mapping", ["parity", "bravyi_kitaev"])
def test_other_mappings_are_exact_too(mapping: str) -> None:
    mf = pyscf.M(atom="H 0 0 0; H 0 0 0.8; H 0 0.9 1.5; H 0 1.1 2.4", basis="sto-3g", verbose=0).RHF().run()
    observable = hq.Problem.from_pyscf(mf).to_qubits(mapping).hamiltonian
    assert np.abs(matrix(mpo(observable)) - observable.to_matrix()).max() < 1e-13
