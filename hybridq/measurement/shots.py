"""Shots shared among settings, such that the standard error of the sum is small.

For a given total, the variance ``sum_k v_k / n_k`` is smallest where n_k is proportional to the root of v_k, the
variance of one shot (Wecker, Hastings, Troyer, arXiv:1507.08969; Rubin, Babbush, McClean, arXiv:1801.03524).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import InputError, unknown_name
from hybridq.measurement.sample import Sample, estimate
from hybridq.measurement.setting import Measurement

RULES = ("uniform", "weight", "norm")


def shares(
    measurement: Measurement,
    shots: int,
    *,
    by: str = "norm",
    variances: ArrayLike | None = None,
    least: int = 2,
) -> tuple[int, ...]:
    """Shots of each setting, `shots` in all (none where there is no setting).

    Args:
        measurement: what is measured.
        shots: in all.
        by: what a setting's share is proportional to: "uniform", the same for all; "weight", the sum of its
            coefficients' sizes; "norm", the root of the sum of their squares, which is best for a random state.
        variances: of one shot of each setting, known or expected (see `prior_variances`), shape (n_settings,), the
            observable's unit squared; then shares are in proportion to their roots, and `by` is not looked at.
        least: fewest shots of a setting; 2 are needed for a standard error.

    Raises:
        InputError: shots are too few, the rule is unknown, or variances are not finite and not negative.
    """
    if by not in RULES:
        raise unknown_name("rule for sharing shots", by, RULES)
    settings = measurement.settings
    for name, number in (("shots", shots), ("least", least)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
            raise InputError(f"{name} must be a whole number, not negative, got {number!r}")
    if shots < least * len(settings):
        raise InputError(
            f"{shots} shots are too few: the observable is measured in {len(settings)} settings, each of which needs "
            f"{least} for a standard error; ask for at least {least * len(settings)}, or for another grouping"
        )
    if variances is not None:
        wanted = np.sqrt(_checked(variances, len(settings)))
    elif by == "uniform":
        wanted = np.ones(len(settings))
    else:
        wanted = np.array([setting.weight if by == "weight" else setting.norm for setting in settings])
    return tuple(_filled(wanted, np.full(len(settings), least), int(shots)).tolist())


def refine(measurement: Measurement, samples: Sequence[Sample], shots: int) -> tuple[int, ...]:
    """How further shots are best shared after a pilot, `shots` in all; some settings may get none.

    A pilot of n samples with variance s^2 counts as ``((n - 1) s^2 + c^2) / n``, c the setting's norm: a setting whose
    few samples happened to agree is not taken for certain. Put pilot and further samples together for the estimate.

    Args:
        measurement: what is measured.
        samples: the pilot, for each setting.
        shots: further shots in all.

    Raises:
        InputError: there are not as many samples as settings, a pilot has fewer than two shots, or shots are negative.
    """
    settings = measurement.settings
    if len(samples) != len(settings):
        raise InputError(f"there are {len(samples)} pilot samples for {len(settings)} settings; give one for each")
    if isinstance(shots, bool) or not isinstance(shots, int | np.integer) or shots < 0:
        raise InputError(f"shots must be a whole number, not negative, got {shots!r}")
    given = np.array([sample.shots for sample in samples], dtype=np.int64)
    seen = np.array([estimate(s, sample)[1] * sample.shots for s, sample in zip(settings, samples, strict=True)])
    norms = np.array([setting.norm for setting in settings])
    variances = ((given - 1) * seen + norms**2) / given
    total = _filled(np.sqrt(variances), given, int(shots + given.sum()))
    return tuple((total - given).tolist())


def _filled(wanted: NDArray[np.float64], floors: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Whole numbers near to proportional to `wanted`, none below its floor, `total` in all."""
    if not len(wanted):
        return np.zeros(0, dtype=np.int64)
    if not wanted.any():
        wanted = np.ones(len(wanted))
    free = np.ones(len(wanted), dtype=np.bool_)
    while True:
        left = total - int(floors[~free].sum())
        ideal = np.where(free, wanted * (left / max(float(wanted[free].sum()), 1e-300)), floors)
        low = free & (ideal < floors)
        if not low.any():
            break
        free &= ~low
        if not free.any():  # the floors take everything
            return floors.astype(np.int64)
    given = np.floor(ideal).astype(np.int64)
    missing = total - int(given.sum())
    given[np.argsort(np.where(free, given - ideal, 1.0), kind="stable")[:missing]] += 1
    return given


def _checked(variances: ArrayLike, n_settings: int) -> NDArray[np.float64]:
    found = np.asarray(variances, dtype=np.float64)
    if found.shape != (n_settings,):
        raise InputError(f"variances must have shape ({n_settings},), one for each setting, got {found.shape}")
    if not (np.isfinite(found) & (found >= 0)).all():
        raise InputError("variances must be finite and not negative")
    return found
