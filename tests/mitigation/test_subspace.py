"""Subspace: weights of strings by bounded least squares, held against dense solvers, and fast for many strings."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitigation_oracle import every_string, misread
from scipy.optimize import lsq_linear

from hybridq.contract.errors import InputError
from hybridq.measurement import Sample, Setting
from hybridq.mitigation import Readout


def confusion(errors, bits):
    """Probabilities to read each row of bits where each is true, columns made to add up to one; one pair at a time."""
    chance = np.ones((len(bits), len(bits)))
    for r, read in enumerate(bits):
        for t, true in enumerate(bits):
            for q, (p, flip) in enumerate(errors):
                chance[r, t] *= (p if read[q] else 1 - p) if not true[q] else (1 - flip if read[q] else flip)
    return chance / chance.sum(axis=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans())
def test_weights_are_those_of_a_dense_bounded_solver(seed, n, perfect):
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0, 0.15, (n, 2)) * (0 if perfect else 1)
    counts = rng.multinomial(500, misread(rng.dirichlet(np.full(1 << n, 0.3)), errors))
    bits = every_string(n)[counts > 0]
    sample = Sample(bits, counts[counts > 0])
    found = Readout(errors, (1000, 1000)).bounded(sample)
    dense = lsq_linear(confusion(errors, bits), sample.counts / 500, bounds=(0, np.inf), tol=1e-14).x
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found, dense / dense.sum(), atol=1e-6)


def test_where_all_strings_were_seen_exact_readings_give_the_exact_weights():
    rng = np.random.default_rng(3)
    errors, weights = rng.uniform(0.01, 0.1, (4, 2)), rng.dirichlet(np.ones(16))

    class Exact(Sample):
        @property
        def shots(self):
            return 1

    found = Readout(errors, (1000, 1000)).bounded(Exact(every_string(4), misread(weights, errors)))
    np.testing.assert_allclose(found, weights, atol=1e-8)


def test_derivatives_by_the_errors_of_reading_are_those_of_finite_differences():
    rng = np.random.default_rng(8)
    n, step = 3, 1e-5
    errors = rng.uniform(0.02, 0.1, (n, 2))
    sample = Sample(every_string(n), rng.multinomial(100_000, misread(rng.dirichlet(np.ones(8)), errors)))
    values, kept = rng.normal(size=8), np.array([1, 1, 0, 1, 0, 1, 1, 0], dtype=bool)

    def mean(moved):
        weights = Readout(moved, (100, 100)).bounded(sample)
        return weights @ (kept * values) / (weights @ kept)

    seen = []

    class Told(Readout):
        def variance_of(self, slopes):
            seen.append(slopes)
            return super().variance_of(slopes)

    Told(errors, (100, 100)).subspace(sample).estimate(values, kept)
    for q in range(n):
        for k in (0, 1):
            by = np.zeros((n, 2))
            by[q, k] = step
            assert seen[0][q, k] == pytest.approx(
                (mean(errors + by) - mean(errors - by)) / (2 * step), rel=1e-3, abs=1e-5
            )


def test_far_pairs_left_out_change_little_and_many_strings_take_seconds():
    rng = np.random.default_rng(1)
    n, m = 12, 3000
    errors = rng.uniform(0.01, 0.03, (n, 2))
    truth = np.zeros(1 << n)
    truth[rng.choice(1 << n, 400, replace=False)] = rng.dirichlet(np.ones(400))
    counts = rng.multinomial(60_000, misread(truth, errors))
    seen = np.argsort(-counts)[:m]
    sample = Sample(every_string(n)[seen], counts[seen])
    began = time.process_time()
    found = Readout(errors, (4096, 4096)).bounded(sample)
    assert time.process_time() - began < 10
    raw = sample.counts / sample.shots
    assert np.abs(found - truth[seen]).sum() < 0.5 * np.abs(raw - truth[seen]).sum()


def test_samples_of_other_qubits_are_refused():
    readout = Readout(np.full((2, 2), 0.01), (100, 100))
    sample = Sample.of({"000": 5}, 3)
    with pytest.raises(InputError, match="errors of reading of 2 qubits do not go with samples of 3"):
        readout.bounded(sample)
    with pytest.raises(InputError, match="of 2 qubits"):
        readout.estimate(Setting(3, (), np.ones((1, 3), np.uint8), np.ones(1), True), sample)
    with pytest.raises(InputError, match="same qubits"):
        Readout.of(Sample.of({"0": 5}, 1), Sample.of({"11": 5}, 2))


@pytest.mark.parametrize(
    ("errors", "shots"),
    [([[0.1, -0.1]], (10, 10)), ([[0.1, np.nan]], (10, 10)), ([0.1, 0.1], (10, 10)), ([[0, 0]], (0, 9))],
)
def test_errors_of_reading_are_probabilities_and_were_measured(errors, shots):
    with pytest.raises(InputError, match="errors of reading"):
        Readout(np.array(errors), shots)
