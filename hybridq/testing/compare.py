"""How the conformance kit compares results; every function raises AssertionError with the numbers it met."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.task import RDM, Metric, Result

SIGMAS = 6.0


def arrays(
    value: object, stderr: object, shape: tuple[int, ...], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`value` and `stderr` as float64 arrays of `shape`, finite, no standard error negative."""
    values, errors = np.asarray(value), np.asarray(stderr)
    assert values.shape == shape, f"{name}: value has shape {values.shape}, not {shape}"
    assert errors.shape == shape, f"{name}: stderr has shape {errors.shape}, not {shape}"
    assert values.dtype == np.float64, f"{name}: value is of {values.dtype}, not float64"
    assert np.isfinite(values).all(), f"{name}: a value is not finite"
    assert errors.dtype.kind in "fiu", f"{name}: stderr is of {errors.dtype}"
    assert np.isfinite(errors).all(), f"{name}: a standard error is not finite"
    assert (errors >= 0).all(), f"{name}: a standard error is negative"
    return values, errors.astype(np.float64)


def within(gap: NDArray[np.float64], noise: NDArray[np.float64], tolerance: float, name: str) -> None:
    """Hold ``gap <= tolerance + 6 noise`` for every element."""
    gap, noise = np.broadcast_arrays(gap, noise)
    bad = ~(gap <= tolerance + SIGMAS * noise)
    if bad.any():
        i = int(np.argmax(np.where(bad, gap - SIGMAS * noise, -np.inf)))
        raise AssertionError(
            f"{name} is off by {gap.flat[i]:.3g}; {tolerance:.0e} + {SIGMAS:.0f} x stderr {noise.flat[i]:.3g} allowed"
        )


def same(found: list[Result], expected: list[Result], message: str) -> None:
    """Hold two lists of results to the same bits."""
    assert len(found) == len(expected), message
    for a, b in zip(found, expected, strict=True):
        if isinstance(a.value, np.ndarray):
            assert np.array_equal(a.value, b.value), message
            assert np.array_equal(a.stderr, b.stderr), message
        elif a.value and isinstance(a.value[0], RDM):
            pairs = zip(a.value, b.value, strict=True)
            assert all(np.array_equal(x.one, y.one) and np.array_equal(x.two, y.two) for x, y in pairs), message
        elif a.value and isinstance(a.value[0], Metric):
            matched = zip(a.value, b.value, strict=True)
            assert all(
                np.array_equal(x.overlap, y.overlap) and np.array_equal(x.hamiltonian, y.hamiltonian)
                for x, y in matched
            ), message
        else:
            assert [dict(x) for x in a.value] == [dict(y) for y in b.value], message


def follows(counts: Mapping[str, int], probabilities: Mapping[str, float], shots: int, name: str) -> None:
    """Pearson's chi-square; bins that expect less than five are pooled."""
    strange = [bits for bits in counts if probabilities.get(bits, 0.0) < 1e-14]
    assert not strange, f"{name!r}: {strange[:3]} were counted though their probability is zero"
    chi, bins, rest_expected, rest_found = 0.0, 0, 0.0, 0
    for bits, probability in probabilities.items():
        expected, found = probability * shots, counts.get(bits, 0)
        if expected >= 5:
            chi, bins = chi + (found - expected) ** 2 / expected, bins + 1
        else:
            rest_expected, rest_found = rest_expected + expected, rest_found + found
    if rest_expected > 0:
        chi, bins = chi + (rest_found - rest_expected) ** 2 / max(rest_expected, 1.0), bins + 1
    freedom = max(bins - 1, 1)
    # The tail of chi-square is longer than a normal one: the last term covers few degrees of freedom.
    limit = freedom + SIGMAS * math.sqrt(2 * freedom) + SIGMAS**2
    assert chi <= limit, f"{name!r}: chi-square {chi:.1f} with {freedom} degrees of freedom; {limit:.1f} is allowed"
