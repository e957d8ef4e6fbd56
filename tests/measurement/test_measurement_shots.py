"""Shots shared among settings: all of them, none too few, and the better the more is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from measurement_cases import all_bits, part, random_hamiltonian, random_state, random_sum, three_groupings
from qiskit.quantum_info import Operator

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.measurement import Measurement, Sample, Setting, Turn, measurement, prior_variances, refine, shares
from hybridq.measurement.prior import determinant_variance


@given(
    seed=st.integers(0, 10**6),
    more=st.integers(0, 10**5),
    least=st.integers(0, 5),
    by=st.sampled_from(["uniform", "weight", "norm", "zeros", "one", "random"]),
)
def test_shares_add_up_and_none_is_below_the_least(seed, more, least, by):
    found = measurement(random_sum(4, 25, seed))
    m = len(found.settings)
    rng = np.random.default_rng(seed)
    variances = {"zeros": np.zeros(m), "one": np.eye(1, m)[0], "random": rng.exponential(size=m) ** 4}.get(by)
    rule = {} if by in ("zeros", "one", "random") else {"by": by}
    given_out = shares(found, m * least + more, variances=variances, least=least, **rule)
    assert len(given_out) == m
    assert not m or sum(given_out) == m * least + more
    assert all(number >= least for number in given_out)


@limits(max_examples=50)
@given(seed=st.integers(0, 10**6))
def test_shares_by_variance_are_the_best_whole_numbers_up_to_rounding(seed):
    found = measurement(random_sum(3, 20, seed))
    m = len(found.settings)
    rng = np.random.default_rng(seed)
    v = rng.exponential(size=m) ** 3 + 1e-6

    def variance(shots):
        return float((v / np.array(shots)).sum())

    mine = variance(shares(found, 500 * m, variances=v))
    assert mine <= np.sqrt(v).sum() ** 2 / (500 * m) * (1 + 0.2)
    for rule in ("uniform", "weight", "norm"):
        assert mine <= variance(shares(found, 500 * m, by=rule)) * (1 + 1e-6)


def test_the_rules_share_by_what_they_say():
    found = measurement(PauliSum.of({"XX": 3.0, "XI": 4.0, "ZZ": 5.0}))
    assert [len(s.coefficients) for s in found.settings] == [1, 2]  # ZZ; XI and XX
    assert shares(found, 1200, by="uniform") == (600, 600)
    assert shares(found, 1200, by="weight") == (500, 700)
    assert shares(found, 1200, by="norm") == (600, 600)
    assert shares(found, 1200, variances=[4.0, 1.0]) == (800, 400)


@pytest.mark.parametrize("name", ["qubit-wise", "commuting", "basis-rotation", "shifted"])
@pytest.mark.parametrize("occupation", [0b0101, 0b0110, 0b0011, 0b1111, 0b0000])
def test_variances_in_a_determinant_are_exact(name, occupation):
    for setting in three_groupings(random_hamiltonian(2, 17))[name].settings:
        column = part(setting)[:, occupation]
        exact = np.vdot(column, column).real - column[occupation].real ** 2
        assert determinant_variance(setting, occupation) == pytest.approx(exact, abs=1e-9 * (1 + setting.weight**2))


def test_variances_in_a_determinant_are_exact_for_three_rotated_orbitals():
    for setting in three_groupings(random_hamiltonian(3, 2))["shifted"].settings:
        column = part(setting)[:, 0b001011]
        exact = np.vdot(column, column).real - column[0b001011].real ** 2
        assert determinant_variance(setting, 0b001011) == pytest.approx(exact, abs=1e-9 * (1 + setting.weight**2))


def test_prior_variances_starve_no_setting_and_are_never_all_zero():
    observable = PauliSum.of({"ZZ": 2.0, "XX": 1.0, "YI": 0.5})
    found = measurement(observable)
    prior = prior_variances(found, 0)
    own = [determinant_variance(s, 0) for s in found.settings]
    assert own == pytest.approx([0.0, 1.0, 0.25])
    assert min(prior) > 0
    assert sum(prior) == pytest.approx(2 * sum(own))
    diagonal = measurement(PauliSum.of({"ZZ": 2.0, "IZ": 1.0}))
    assert prior_variances(diagonal, 0) == pytest.approx((5.0,))


def _pilot(found, psi, shots, rng):
    samples, exact = [], []
    for setting, number in zip(found.settings, shots, strict=True):
        p = np.abs(Operator(setting.tail()).data @ psi) ** 2
        values = setting.values(all_bits(setting.n_qubits))
        exact.append(p @ values**2 - (p @ values) ** 2)
        samples.append(Sample(all_bits(setting.n_qubits), rng.multinomial(number, p / p.sum())))
    return samples, np.array(exact)


@limits(max_examples=25)
@given(seed=st.integers(0, 10**6), more=st.integers(0, 20000))
def test_further_shots_add_up_and_are_not_negative(seed, more):
    found = measurement(random_sum(3, 20, seed))
    rng = np.random.default_rng(seed)
    samples, _ = _pilot(found, random_state(3, seed), shares(found, 3 * len(found.settings)), rng)
    rest = refine(found, samples, more)
    assert sum(rest) == (more if found.settings else 0)
    assert all(number >= 0 for number in rest)


def test_after_a_pilot_the_variance_is_within_2_percent_of_the_best():
    found = three_groupings(random_hamiltonian(2, 1))["qubit-wise"]
    samples, exact = _pilot(found, random_state(4, 1), (500,) * len(found.settings), np.random.default_rng(0))
    total = 10**6
    shots = 500 + np.array(refine(found, samples, total - 500 * len(found.settings)))
    best = np.sqrt(exact).sum() ** 2 / total
    assert (exact / shots).sum() < 1.02 * best
    assert (exact / np.array(shares(found, total, by="uniform"))).sum() > 1.2 * best


def test_a_pilot_that_happened_to_agree_is_not_taken_for_certain():
    found = measurement(PauliSum.of({"X": 1.0, "Z": 1.0}))
    lucky, spread = Sample.of({"0": 4}, 1), Sample.of({"0": 2, "1": 2}, 1)
    first, second = refine(found, [lucky, spread], 1000)
    assert 200 < first < second


def test_too_few_shots_are_refused_with_the_number_needed():
    found = measurement(PauliSum.of({"XX": 1.0, "ZZ": 1.0, "YY": 1.0}))
    with pytest.raises(InputError, match="at least 6"):
        shares(found, 5)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda m: shares(m, 10, by="norms"), "did you mean 'norm'"),
        (lambda m: shares(m, 10.5), "shots must be a whole number, not negative, got 10.5"),
        (lambda m: shares(m, -1), "got -1"),
        (lambda m: shares(m, 10, least=-1), "least must be"),
        (lambda m: shares(m, 10, variances=[1.0]), r"shape \(2,\)"),
        (lambda m: shares(m, 10, variances=[1.0, math.nan]), "finite"),
        (lambda m: shares(m, 10, variances=[1.0, -1.0]), "not negative"),
        (lambda m: refine(m, [Sample.of({"0": 2}, 1)], 10), "1 pilot samples for 2 settings"),
        (lambda m: refine(m, [Sample.of({"0": 1}, 1)] * 2, 10), "at least 2"),
        (lambda m: refine(m, [Sample.of({"0": 2}, 1)] * 2, -1), "got -1"),
        (lambda m: prior_variances(m, 2), r"below 2\*\*1"),
        (lambda m: prior_variances(m, -1), "got -1"),
    ],
)
def test_bad_calls_are_refused_with_what_is_wrong(call, told):
    with pytest.raises(InputError, match=told):
        call(measurement(PauliSum.of({"X": 1.0, "Z": 0.5})))


def test_a_setting_of_foreign_gates_has_no_prior():
    setting = Setting(1, (Turn("rx", (0,), 0.3),), np.ones((1, 1), np.uint8), np.ones(1), conserves=False)
    with pytest.raises(InputError, match=r"gates \['rx'\]"):
        prior_variances(Measurement(0.0, (setting,), "own"), 0)
