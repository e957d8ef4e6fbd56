"""Extrapolation: values at growing noise, to none (Temme, Bravyi, Gambetta, arXiv:1612.02058)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError

Array = NDArray[np.float64]
KINDS = ("linear", "exponential", "richardson")


def extrapolate(
    factors: Sequence[float], values: Sequence[float], stderrs: Sequence[float], kind: str, *, limit: float = 0.0
) -> tuple[float, float]:
    """The value at factor 0, and its standard error.

    Args:
        factors: of noise, shape (n,), distinct.
        values, stderrs: at each factor.
        kind: "linear": a line by weighted least squares; "richardson": the polynomial through all points;
            "exponential": ``limit + b exp(-c x)`` with c >= 0, by weighted least squares (Giurgica-Tiron et al.,
            arXiv:2005.10921, doi:10.1109/QCE49297.2020.00045). Where the values do not lie on one side of the limit,
            or do not approach it, the line is taken. Points without an error (0, any of them) all count the same.
        limit: what the value tends to at infinite noise.

    Raises:
        InputError: another kind, fewer than two factors, or a number that is not finite.
    """
    x, y, s = (np.asarray(array, dtype=np.float64) for array in (factors, values, stderrs))
    if kind not in KINDS:
        raise InputError(f"values are extrapolated {', '.join(KINDS)}, got {kind!r}")
    if len(x) < 2 or len(np.unique(x)) != len(x) or not len(x) == len(y) == len(s):
        raise InputError(f"an extrapolation needs values at two distinct factors or more, got factors {list(factors)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(s).all() and (s >= 0).all()):
        raise InputError(
            f"an extrapolation needs finite values and standard errors, got values {list(values)} with {list(stderrs)}"
        )
    if kind == "richardson":
        return _weighted(_richardson(x), y, s)
    if kind == "exponential":
        found = _exponential(x, y - limit, s)
        if found is not None:
            return found[0] + limit, found[1]
    return _weighted(_line(x, s)[0], y, s)


def _weighted(weights: Array, y: Array, s: Array) -> tuple[float, float]:
    return float(weights @ y), float(np.sqrt(weights**2 @ s**2))


def _richardson(x: Array) -> Array:
    """Weights of the polynomial through all points, at 0."""
    return np.array([np.prod([b / (b - a) for b in x if b != a]) for a in x])


def _line(x: Array, s: Array) -> tuple[Array, Array]:
    """Weights of the weighted least squares line: of its value at 0, and of its slope."""
    w = 1.0 / s**2 if (s > 0).all() else np.ones(len(x))
    mean = w @ x / w.sum()
    slope = w * (x - mean) / (w @ (x - mean) ** 2)
    return w / w.sum() - mean * slope, slope


def _exponential(x: Array, y: Array, s: Array) -> tuple[float, float] | None:
    """``b exp(-c x)`` at 0; None where the values do not decay from one side."""
    sign = np.sign(y[np.argmin(x)])
    y = sign * y
    if not (y > 0).all():
        return None
    # A line through log y, each with the error s / y.
    relative = s / y
    at_zero, slope = _line(x, relative)
    if slope @ np.log(y) > 0:
        return None
    log_b, error = _weighted(at_zero, np.log(y), relative)
    b = float(np.exp(log_b))
    return float(sign * b), b * error
