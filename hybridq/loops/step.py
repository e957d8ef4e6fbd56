"""Step: one accepted point of a loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """Where a loop stands after an iteration.

    Attributes:
        number: iterations so far, from 1.
        energy: energy at the point, hartree; for an optimizer that never evaluates its points (SPSA), the mean
            of the values it last saw around it.
        stderr: standard error of `energy`; 0 where exact.
        best: lowest energy seen so far, hartree.
        gradient: largest component of the gradient there, hartree per radian; None where unknown.
        evaluations: rows evaluated so far.
        seconds: wall time so far.
        row: the point, shape (n_parameters,), radians.
    """

    number: int
    energy: float
    stderr: float
    best: float
    gradient: float | None
    evaluations: int
    seconds: float
    row: NDArray[np.float64] = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """All but the number and the point, as a journal holds it."""
        return {
            "energy": self.energy,
            "stderr": self.stderr,
            "best": self.best,
            "gradient": self.gradient,
            "evaluations": self.evaluations,
            "seconds": round(self.seconds, 3),
        }
