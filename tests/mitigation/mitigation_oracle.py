"""What is read of exact distributions, by dense linear algebra."""

from __future__ import annotations

import numpy as np


def every_string(n):
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(np.uint8)


def misread(weights, errors):
    """What is read of strings with these weights: each qubit is misread by itself."""
    n = len(errors)
    out = weights
    for q, (p, r) in enumerate(errors):
        table = np.array([[1 - p, r], [p, 1 - r]])
        out = np.moveaxis(np.tensordot(table, out.reshape((2,) * n), axes=(1, n - 1 - q)), 0, n - 1 - q).ravel()
    return out
