"""Newton's method with a Hessian from differences of gradients, all asked for at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.evaluate import Batch
from hybridq.loops.optimizers.messages import Ask
from hybridq.loops.optimizers.wide_search import Model, WideSearch

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Newton(WideSearch):
    """The whole Hessian from ``n_parameters + 1`` gradients in one batch; needs no metric, any exact backend will do.

    Attributes:
        difference: displacement of the gradients, radians.

    Raises:
        InputError: an attribute is out of range.
    """

    reuse: float = 0.3
    difference: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1e-7 <= self.difference <= 0.1:
            raise InputError(f"newton needs difference between 1e-7 and 0.1 radians, got {self.difference}")

    @property
    def name(self) -> str:
        """newton."""
        return "newton"

    def ask(self, row: Array) -> Ask:
        """Gradients at `row` and at `row` with each parameter moved in turn."""
        return Ask(row + self.difference * np.eye(len(row) + 1, len(row), -1), gradient=True)

    def model(self, batch: Batch) -> Model:
        """Half the Hessian over the parameters as they are."""
        assert batch.gradients is not None
        hessian = (batch.gradients[1:] - batch.gradients[0]) / self.difference
        return Model(np.eye(len(hessian)), (hessian + hessian.T) / 4)
