"""SPSA-ensemble: several SPSA walks side by side, for values with noise on many machines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.loops.optimizers.ensemble import ensemble, seed_of
from hybridq.loops.optimizers.messages import Limits, Search
from hybridq.loops.optimizers.spsa import SPSA


@dataclass(frozen=True)
class SPSAEnsemble(SPSA):
    """SPSA `walkers` times from the same start, each with its own random directions; the lowest end is the result.

    A round is one batch of ``2 * walkers * resamplings`` rows.

    Attributes:
        walkers: how many walks, at least 2; everything else is as in `SPSA`.

    Raises:
        InputError: an attribute is out of range.
    """

    walkers: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.walkers < 2:
            raise InputError(f"SPSA-ensemble needs at least 2 walkers, got {self.walkers}; one alone is SPSA")

    @property
    def name(self) -> str:
        """SPSA-ensemble."""
        return "SPSA-ensemble"

    def search(self, start: NDArray[np.float64], limits: Limits, seed: int) -> Search:
        """Walk from `start`; the same seed and values give the same walks."""
        walk = super().search
        return ensemble([walk(start, limits, seed_of(k, seed)) for k in range(self.walkers)])
