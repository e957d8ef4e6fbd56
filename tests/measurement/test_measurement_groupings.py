"""Groups of Pauli strings: complete, exact, and as few two-qubit gates as they need."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from measurement_cases import part, random_sum, whole
from qiskit.quantum_info import Pauli, random_clifford

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.measurement import measurement


def two_qubit(setting):
    return sum(len(turn.qubits) == 2 for turn in setting.turns)


@pytest.mark.parametrize("grouping", ["qubit-wise", "commuting"])
@limits(max_examples=40)
@given(n=st.integers(1, 5), n_terms=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_the_settings_and_the_constant_add_up_to_the_observable(grouping, n, n_terms, seed):
    observable = random_sum(n, n_terms, seed)
    found = measurement(observable, grouping)
    assert np.abs(whole(found, n) - observable.to_matrix().toarray()).max() < 1e-10
    identity = dict(zip(observable.labels, observable.coefficients, strict=True)).get("I" * n, 0.0)
    assert found.constant == identity
    assert sum(len(s.coefficients) for s in found.settings) == observable.n_terms - ("I" * n in observable.labels)
    assert all(s.conserves == (not s.turns) for s in found.settings)


@pytest.mark.parametrize("grouping", ["qubit-wise", "commuting"])
@limits(max_examples=25)
@given(n=st.integers(2, 6), seed=st.integers(0, 10**6))
def test_groups_are_those_of_sorted_insertion(grouping, n, seed):
    observable = random_sum(n, 30, seed)
    terms = sorted(zip(observable.labels, observable.coefficients, strict=True), key=lambda t: -abs(t[1]))

    def fits(a, b):
        if grouping == "commuting":
            return Pauli(a).commutes(Pauli(b))
        return all(p == q or "I" in (p, q) for p, q in zip(a, b, strict=True))

    groups = []
    for label, c in terms:
        if set(label) == {"I"}:
            continue
        home = next((g for g in groups if all(fits(label, other) for other, _ in g)), None)
        if home is None:
            groups.append(home := [])
        home.append((label, c))
    found = [sorted(np.abs(s.coefficients)) for s in measurement(observable, grouping).settings]
    assert found == [sorted(abs(c) for _, c in g) for g in groups]


@limits(max_examples=40)
@given(n=st.integers(1, 6), rank=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_any_commuting_strings_are_one_setting_with_at_most_half_n_squared_cx(n, rank, seed):
    rng = np.random.default_rng(seed)
    turned = random_clifford(n, seed=seed)
    strings = {}
    for _ in range(20):
        z = np.zeros(n, dtype=bool)
        z[: min(rank, n)] = rng.integers(0, 2, min(rank, n))
        if z.any():
            label = Pauli((z, np.zeros(n, dtype=bool))).evolve(turned).to_label().lstrip("-")
            strings[label] = float(rng.normal())
    if not strings:
        return
    observable = PauliSum.of(strings)
    (setting,) = measurement(observable, "commuting").settings
    assert np.abs(part(setting) - observable.to_matrix().toarray()).max() < 1e-10
    assert two_qubit(setting) <= n * (n - 1) // 2
    assert {turn.name for turn in setting.turns} <= {"h", "s", "sdg", "cx"}


@limits(max_examples=25)
@given(n=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_strings_that_agree_on_every_qubit_need_no_two_qubit_gate(n, seed):
    rng = np.random.default_rng(seed)
    basis = rng.choice(list("XYZ"), n)
    strings = {"".join(np.where(rng.random(n) < 0.4, "I", basis)): float(rng.normal()) for _ in range(12)}
    found = measurement(PauliSum.of({**strings, "I" * n: 1.0}), "commuting")
    assert len(found.settings) <= 1
    assert all(two_qubit(s) == 0 for s in found.settings)


def test_a_bell_basis_takes_one_cx():
    (setting,) = measurement(PauliSum.of({"XX": 0.5, "YY": -0.3, "ZZ": 0.2}), "commuting").settings
    assert two_qubit(setting) == 1


def test_strings_that_agree_qubit_by_qubit_share_a_setting():
    found = measurement(PauliSum.of({"XX": 1.0, "XI": 0.5, "IX": 0.2, "ZZ": 2.0, "IZ": 0.1, "YI": 0.3, "II": 7.0}))
    assert sorted(len(s.coefficients) for s in found.settings) == [1, 2, 3]
    assert found.constant == 7.0


def test_a_constant_needs_no_setting():
    for grouping in ("qubit-wise", "commuting"):
        found = measurement(PauliSum.of({"III": -1.5}), grouping)
        assert (found.constant, found.settings, found.grouping) == (-1.5, (), grouping)


def test_an_observable_wider_than_a_machine_word_is_grouped_exactly():
    n = 70
    labels = ["X" + "I" * (n - 2) + "X", "Y" + "I" * (n - 2) + "Y", "Z" + "I" * (n - 2) + "Z", "I" * (n - 1) + "Z"]
    found = measurement(PauliSum.of({label: 1.0 / (k + 1) for k, label in enumerate(labels)}), "commuting")
    assert sorted(len(s.coefficients) for s in found.settings) == [1, 3]
    assert all(set(q for t in s.turns for q in t.qubits) <= {0, n - 1} for s in found.settings)


def test_unknown_groupings_are_refused_with_those_known():
    observable = PauliSum.of({"X": 1.0})
    with pytest.raises(InputError, match=r"did you mean 'commuting'.*basis-rotation"):
        measurement(observable, "comuting")
    with pytest.raises(InputError, match=r"rotated\(hamiltonian\)"):
        measurement(observable, "basis-rotation")


def test_bits_of_another_width_are_refused():
    (setting,) = measurement(PauliSum.of({"ZZ": 1.0})).settings
    with pytest.raises(InputError, match=r"\(m, 2\), got \(4, 3\)"):
        setting.values(np.zeros((4, 3)))
