"""When a population of noisy values has stopped to descend."""

from __future__ import annotations

import numpy as np

from hybridq.evaluate import Batch


class Plateau:
    """Compares the mean energy of the last `window` generations with that of the `window` before.

    The lowest value of a noisy generation is the luckiest one; the mean over all its rows is not picked and its
    error shrinks with their number.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._generations: list[tuple[float, float, int]] = []  # sums of values and of squared errors, rows

    def add(self, batch: Batch) -> None:
        """Take one generation."""
        sums = (float(np.sum(batch.energies)), float(np.sum(batch.stderrs**2)), len(batch.energies))
        self._generations = [*self._generations[1 - 2 * self.window :], sums]

    @property
    def reached(self) -> bool:
        """True where values are noisy and the later mean is not lower by more than twice its standard error."""
        if len(self._generations) < 2 * self.window:
            return False
        sums = np.array(self._generations).reshape(2, self.window, 3).sum(axis=1)
        (before, after), errors = sums[:, 0] / sums[:, 2], np.sqrt(sums[:, 1]) / sums[:, 2]
        return bool(errors.any() and before - after <= 2 * float(np.hypot(*errors)))
