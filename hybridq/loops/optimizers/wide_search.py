"""Few, wide iterations: a model of the energy around a point, then many steps of it tried at once.

What differs between the methods is the model alone; see `linear_method` and `newton`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.evaluate import Batch
from hybridq.loops.optimizers.messages import Ask, Iterate, Limits, Outcome, Search
from hybridq.loops.optimizers.one_thread import on_one_blas_thread

Array = NDArray[np.float64]

SMALLEST_SHIFT, LARGEST_SHIFT = 1e-4, 1e6  # hartree
RETREAT = 30.0  # the shift grows by this where no step went down


@dataclass(frozen=True)
class Model:
    """``energy + 2 slope.p + p.curvature.p`` for the step ``basis p``; slope is half the gradient in that basis.

    Attributes:
        basis: columns are directions in the space of parameters, radians, shape (n_parameters, n_directions).
        curvature: half a Hessian in that basis, symmetric, hartree, shape (n_directions, n_directions).
    """

    basis: Array
    curvature: Array

    def step(self, gradient: Array, shift: float, longest: float) -> tuple[Array, float]:
        """A step in radians, shape (n_parameters,), and the gain in hartree that the model promises for it.

        The lowest eigenvector (c_0, c) of ``[[0, slope], [slope, curvature + shift]]`` gives ``p = c / c_0``, which
        goes down whatever the signs of the curvature (augmented Hessian: Banerjee, Adams, Simons, Shepard,
        doi:10.1021/j100247a015); a p longer than `longest` is cut.
        """
        slope = self.basis.T @ gradient / 2
        n = len(slope)
        matrix = np.zeros((n + 1, n + 1))
        matrix[0, 1:] = matrix[1:, 0] = slope
        matrix[1:, 1:] = self.curvature + shift * np.eye(n)
        values, vectors = np.linalg.eigh(matrix)
        c = vectors[:, 0] if vectors[0, 0] > 0 else -vectors[:, 0]
        norm = float(np.linalg.norm(c[1:]))
        length = 0.0 if norm == 0 else min(longest, norm / c[0]) if c[0] > 0 else longest
        return self.basis @ (c[1:] * (length / norm if norm else 0.0)), -float(values[0])


@dataclass(frozen=True)
class WideSearch(abc.ABC):
    """Model, candidates, best one; the model is kept while its steps go well.

    Each iteration asks for energies and gradients of ``len(shifts) * len(scales)`` candidates in one batch and takes
    the lowest; the shift follows the one that won. A step that does not lower the energy is never taken. The model is
    made anew, in a batch of its own, when a step leaves more than `reuse` of the gradient's norm.

    Attributes:
        shift: added to the model's curvature at first, hartree.
        shifts: factors on the shift that are tried together.
        scales: factors on each step that are tried together.
        reuse: see above; 0 makes a model for every iteration.
        longest: longest step in the model's basis.

    Raises:
        InputError: an attribute is out of range.
    """

    shift: float = 0.05
    shifts: Sequence[float] = (0.0, 0.1, 1.0, 10.0)
    scales: Sequence[float] = (1.0, 0.5)
    reuse: float = 0.6
    longest: float = 1.0

    def __post_init__(self) -> None:
        for label in ("shifts", "scales"):  # a run folder gives them back as lists
            try:
                object.__setattr__(self, label, tuple(float(x) for x in getattr(self, label)))
            except (TypeError, ValueError):
                raise InputError(f"{self.name} needs numbers in {label}, got {getattr(self, label)!r}") from None
        wrong = not self.shifts or any(not 0 <= f < np.inf for f in self.shifts)
        wrong |= not self.scales or any(not 0 < f < np.inf for f in self.scales)
        if wrong or not 0 < self.shift < np.inf or not 0 <= self.reuse < 1 or not self.longest > 0:
            raise InputError(
                f"{self.name} needs a finite shift > 0, shifts >= 0, scales > 0, 0 <= reuse < 1 and longest > 0, "
                f"got {self!r}"
            )

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The name it is asked for by."""

    @property
    def uses_gradient(self) -> bool:
        """True."""
        return True

    @property
    def uses_metric(self) -> bool:
        """True where it asks for the metric, which few backends offer."""
        return False

    @abc.abstractmethod
    def ask(self, row: Array) -> Ask:
        """What the model at `row` is made of; the first row of it is `row` itself."""

    @abc.abstractmethod
    def model(self, batch: Batch) -> Model:
        """The model from what `ask` brought back."""

    def search(self, start: Array, limits: Limits, seed: int) -> Search:
        """Minimize from `start`; needs no seed.

        Raises:
            InputError: the values carry noise.
        """
        return on_one_blas_thread(self._search(np.array(start, dtype=np.float64), limits))

    def _search(self, row: Array, limits: Limits) -> Search:
        shift, steps, fresh = self.shift, 0, True
        batch = self._exact((yield self.ask(row)))
        energy, gradient = float(batch.energies[0]), _gradients(batch)[0]
        if _within(gradient, limits):
            return Outcome(row, True, _words(gradient, limits))
        model = self.model(batch)
        while True:
            if limits.iterations is not None and steps >= limits.iterations:
                return Outcome(row, False, f"the limit of {limits.iterations} iterations was reached")
            rows, origin = self._candidates(row, gradient, model, shift)
            tried = self._exact((yield Ask(rows, gradient=True)))
            best = int(np.argmin(tried.energies))
            gain = energy - float(tried.energies[best])
            leaves = 1.0
            if gain > 0:
                factor, scale = origin[best]
                shift = min(max(shift * max(factor, 0.1) / scale, SMALLEST_SHIFT), 10.0)
                leaves = float(np.linalg.norm(_gradients(tried)[best]) / np.linalg.norm(gradient))
                row, energy, gradient = rows[best], float(tried.energies[best]), _gradients(tried)[best]
                steps += 1
                yield Iterate(row)
                if _within(gradient, limits):
                    return Outcome(row, True, _words(gradient, limits))
            elif fresh:
                if model.step(gradient, 0.0, self.longest)[1] < limits.energy:
                    return Outcome(row, True, "the energy no longer changes")
                if shift > LARGEST_SHIFT:
                    return Outcome(row, False, "no step lowers the energy")
                shift = max(shift, self.shift) * RETREAT
                continue
            if fresh and gain < limits.energy:  # an old model may promise too little: only a new one can end the search
                return Outcome(row, True, "the energy no longer changes")
            fresh = gain < limits.energy or leaves > self.reuse
            if fresh:
                model = self.model(self._exact((yield self.ask(row))))

    def _candidates(
        self, row: Array, gradient: Array, model: Model, shift: float
    ) -> tuple[Array, list[tuple[float, float]]]:
        """Rows to try, and the shift factor and scale behind each."""
        rows, origin = [], []
        for factor in self.shifts:
            step, _ = model.step(gradient, shift * factor, self.longest)
            for scale in self.scales:
                rows.append(row + scale * step)
                origin.append((factor, scale))
        return np.array(rows), origin

    def _exact(self, batch: Batch | None) -> Batch:
        assert batch is not None
        errors = batch.stderrs if batch.gradient_stderrs is None else batch.gradient_stderrs
        worst = max(float(np.max(errors, initial=0.0)), float(np.max(batch.stderrs, initial=0.0)))
        if worst > 0:
            raise InputError(
                f"optimizer {self.name!r} needs exact values, and these have standard errors of up to {worst:.1e}; "
                "take optimizer 'SPSA', or a backend with exact values"
            )
        return batch


def _gradients(batch: Batch) -> Array:
    assert batch.gradients is not None
    return batch.gradients


def _within(gradient: Array, limits: Limits) -> bool:
    return float(np.abs(gradient).max(initial=0.0)) <= limits.gradient


def _words(gradient: Array, limits: Limits) -> str:
    return f"largest gradient component {np.abs(gradient).max(initial=0.0):.1e} is within {limits.gradient:.0e}"
