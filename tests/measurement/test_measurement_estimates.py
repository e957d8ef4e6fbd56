"""Values from samples: unbiased, with standard errors that are those of the spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measurement_cases import all_bits, matrix, random_hamiltonian, random_state, three_groupings
from qiskit.quantum_info import Operator

from hybridq.contract.errors import BackendError, InputError
from hybridq.contract.paulis import PauliSum
from hybridq.measurement import Sample, estimate, measurement, shares


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_an_estimate_is_the_mean_and_its_variance_over_single_samples(n, seed):
    rng = np.random.default_rng(seed)
    observable = PauliSum.of({"".join(rng.choice(list("IZ"), n)): float(rng.normal()) for _ in range(6)})
    found = measurement(observable)
    if not found.settings:
        return
    texts = ["".join(rng.choice(["0", "1"], n)) for _ in range(30)]
    counts = {text: texts.count(text) for text in texts}
    labels = dict(zip(observable.labels, observable.coefficients, strict=True))
    singles = [
        sum(
            c * (-1) ** sum(a == "Z" and b == "1" for a, b in zip(label, text, strict=True))
            for label, c in labels.items()
        )
        for text in texts
    ]
    mean, variance = estimate(found.settings[0], Sample.of(counts, n))
    assert found.constant + mean == pytest.approx(np.mean(singles), abs=1e-12)
    assert variance == pytest.approx(np.var(singles, ddof=1) / 30, abs=1e-12)


def test_a_setting_holds_the_covariance_of_its_terms():
    """In a GHZ state ZI and IZ are always equal: the variance of ZI + IZ is 4, that of ZI - IZ is 0."""
    sample = Sample.of({"00": 500, "11": 500}, 2)
    (plus,), (minus,) = (measurement(PauliSum.of({"ZI": 1.0, "IZ": sign})).settings for sign in (1.0, -1.0))
    assert estimate(plus, sample) == pytest.approx((0.0, 4 / 999))
    assert estimate(minus, sample) == pytest.approx((0.0, 0.0))


@pytest.mark.parametrize("grouping", ["qubit-wise", "commuting", "basis-rotation", "shifted"])
def test_energies_scatter_around_the_exact_one_as_their_standard_errors_say(grouping):
    hamiltonian = random_hamiltonian(2, 4)
    psi = random_state(4, 4)
    exact = np.vdot(psi, matrix(hamiltonian) @ psi).real
    found = three_groupings(hamiltonian)[grouping]
    given_out = shares(found, 300 * len(found.settings), least=100)
    rng = np.random.default_rng(12)
    repeats = 600
    values, variances = np.full(repeats, found.constant), np.zeros(repeats)
    for setting, shots in zip(found.settings, given_out, strict=True):
        p = np.abs(Operator(setting.tail()).data @ psi) ** 2
        for k, drawn in enumerate(rng.multinomial(shots, p / p.sum(), size=repeats)):
            mean, variance = estimate(setting, Sample(all_bits(4), drawn))
            values[k] += mean
            variances[k] += variance
    scores = (values - exact) / np.sqrt(variances)
    assert np.abs(scores).max() < 6
    assert abs(scores.mean()) < 5 / np.sqrt(repeats)
    assert np.mean(scores**2) == pytest.approx(1, abs=5 * np.sqrt(2 / repeats))


def test_counts_are_read_with_qubit_0_on_the_right():
    sample = Sample.of({"001": 3, "110": 5}, 3)
    assert sample.bits.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert (sample.counts.tolist(), sample.shots) == ([3, 5], 8)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"01": 3, "0x1": 2}, "'0x1', which is no string of 2 bits"),
        ({"011": 3}, "'011', which is no string of 2 bits"),
        ({"0 1": 3}, "'0 1'"),
        ({3: 3}, "name 3"),
        ({"01": 0.5}, "is 0.5; counts must be whole"),
        ({"01": -1}, "is -1"),
        ({"01": None}, "is None"),
        ({"01": True}, "is True"),
        ({"01": 0}, "hold no sample"),
        ({}, "hold no sample"),
        ([("01", 1)], "must map"),
        (None, "got None"),
    ],
)
def test_malformed_counts_are_refused_with_what_is_wrong(counts, told):
    with pytest.raises(BackendError, match="count") as caught:
        Sample.of(counts, 2)
    assert told in str(caught.value)
    assert not caught.value.retryable


def test_one_sample_has_no_standard_error():
    (setting,) = measurement(PauliSum.of({"Z": 1.0})).settings
    with pytest.raises(InputError, match="at least 2"):
        estimate(setting, Sample.of({"0": 1}, 1))
