"""What an optimizer and the loop say to each other.

An optimizer is a generator: it yields an `Ask` and is sent the `Batch` of values, or yields an `Iterate` when it
has accepted a point and is sent nothing; it returns an `Outcome`. The loop owns evaluation, journal,
time limits and progress, and the optimizer only decides where to look next.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hybridq.evaluate import Batch


@dataclass(frozen=True)
class Ask:
    """Rows to evaluate together, shape (n_rows, n_parameters), radians; a metric brings the gradient along."""

    rows: NDArray[np.float64]
    gradient: bool = False
    metric: bool = False


@dataclass(frozen=True)
class Iterate:
    """An accepted point, shape (n_parameters,); `energy` in hartree where the optimizer knows it."""

    row: NDArray[np.float64]
    energy: float | None = None


@dataclass(frozen=True)
class Outcome:
    """Where the search ended and why; `cut` where a limit ended it that a later life may raise."""

    row: NDArray[np.float64]
    converged: bool
    reason: str
    cut: bool = False


Search = Generator[Ask | Iterate, Batch | None, Outcome]


@dataclass(frozen=True)
class Limits:
    """When to stop.

    Attributes:
        energy: change of the energy between iterations, hartree.
        gradient: largest component of the gradient, hartree per radian.
        iterations: number of iterations; None leaves it to the optimizer.
    """

    energy: float = 1e-10
    gradient: float = 1e-5
    iterations: int | None = None


class Optimizer(Protocol):
    """A named way to search.

    A property `plans_iterations` that is False says that `Limits.iterations` only cuts the walk off: a run may then
    be gone on with beyond its limit.
    """

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...

    @property
    def uses_gradient(self) -> bool:
        """True where it asks for gradients."""
        ...

    def search(self, start: NDArray[np.float64], limits: Limits, seed: int) -> Search:
        """Begin at `start`, shape (n_parameters,); deterministic for a given seed and given values."""
        ...
