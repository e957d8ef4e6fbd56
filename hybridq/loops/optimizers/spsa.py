"""SPSA: simultaneous perturbation stochastic approximation, for values with noise."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.evaluate import Batch
from hybridq.loops.optimizers.messages import Ask, Iterate, Limits, Outcome, Search
from hybridq.loops.optimizers.plateau import Plateau

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SPSA:
    """Two values an iteration, whatever the number of parameters (Spall, doi:10.1109/7.705889).

    Step k moves by ``a_k`` against ``(E(x + c_k d) - E(x - c_k d)) / (2 c_k) d`` with random signs d and
    ``a_k = a ((1 + A) / (k + 1 + A))^0.602``, ``c_k = c / (k + 1)^0.101``, where A is a tenth of the iterations.

    The size a follows from the curvature: a step with random signs d multiplies the error by about
    ``1 - a d d^T H``, which shrinks it on average where ``a trace(H) < 2``. The trace is the mean of
    ``(E(x + c d) + E(x - c d) - 2 E(x)) / c^2``, measured in one batch at the start.

    Attributes:
        iterations: how many steps; `Limits.iterations` overrides it.
        perturbation: c, radians.
        gain: a times the trace of the Hessian, between 0 and 2.
        calibration: random directions for the trace.
        resamplings: directions averaged in each step; they are one batch.
        average: the result is the mean of this last share of the points.
        tolerance: converged where the mean of that share lies lower than the mean of the share before by no more
            than this, in hartree, or than twice the standard error.
        window: noisy values only: stop before all iterations are done where the mean energy of the last so many is
            not lower than that of as many before by more than twice its standard error; 0 never does.

    Raises:
        InputError: an attribute is out of range.
    """

    iterations: int = 300
    perturbation: float = 0.05
    gain: float = 1.0
    calibration: int = 20
    resamplings: int = 1
    average: float = 0.1
    tolerance: float = 1e-4
    window: int = 30

    def __post_init__(self) -> None:
        for label, number in (
            ("iterations", self.iterations),
            ("calibration", self.calibration),
            ("resamplings", self.resamplings),
        ):
            if number < 1:
                raise InputError(f"SPSA needs {label} of at least 1, got {number}")
        if self.window < 0:
            raise InputError(f"SPSA needs a window of 0 (never stop early) or more iterations, got {self.window}")
        if not 0 < self.perturbation < np.inf or not 0 < self.gain < 2 or not 0 <= self.average <= 1:
            raise InputError(
                "SPSA needs a finite perturbation > 0, 0 < gain < 2 and 0 <= average <= 1, got "
                f"{self.perturbation}, {self.gain} and {self.average}"
            )

    @property
    def name(self) -> str:
        """SPSA."""
        return "SPSA"

    @property
    def uses_gradient(self) -> bool:
        """False: values only."""
        return False

    def search(self, start: Array, limits: Limits, seed: int) -> Search:
        """Walk from `start`; the same seed and values give the same walk."""
        rng = np.random.default_rng([seed, 0x5B5A])
        total = limits.iterations or self.iterations
        stability = 0.1 * total
        x = np.array(start, dtype=np.float64)

        a = self.gain / (yield from self._trace(x, rng))
        tail = max(1, int(self.average * total))
        points = []
        plateau = Plateau(self.window) if self.window else None
        done = total
        for k in range(total):
            width = self.perturbation / (k + 1) ** 0.101
            slopes = yield from self._slopes(x, width, self.resamplings, rng, plateau)
            x = x - a * ((1 + stability) / (k + 1 + stability)) ** 0.602 * np.mean([s * d for s, d in slopes], axis=0)
            points.append(x)
            del points[: -2 * tail]
            yield Iterate(x.copy())
            if plateau is not None and plateau.reached:
                done = k + 1
                break
        row = np.mean(points[-tail:], axis=0)
        earlier = np.mean(points[:-tail] or points, axis=0)
        batch = yield Ask(np.array([row, earlier]))
        yield Iterate(row)
        assert batch is not None
        gain = float(batch.energies[1] - batch.energies[0])
        error = float(np.hypot(*batch.stderrs))
        if done < total:
            told = f"the last {self.window} of {done} iterations gained less than the error of what they gained"
            return Outcome(row, True, told)
        told = f"all {total} iterations done; the last {tail} gained {gain:.1e} hartree" + (
            f" +- {error:.1e}" if error else ""
        )
        return Outcome(row, total >= 20 and gain <= max(self.tolerance, 2 * error), told)

    def _trace(self, x: Array, rng: np.random.Generator) -> Generator[Ask | Iterate, Batch | None, float]:
        c, number = self.perturbation, self.calibration
        steps = c * rng.choice([-1.0, 1.0], size=(number, len(x)))
        batch = yield Ask(np.concatenate([x[None], x + steps, x - steps]))
        assert batch is not None
        energies = batch.energies
        curvatures = (energies[1 : number + 1] + energies[number + 1 :] - 2 * energies[0]) / c**2
        # Around a maximum, or under much noise, the mean may come out small or negative; its size still sets a scale.
        return max(float(np.mean(curvatures)), float(np.mean(np.abs(curvatures))) / 2, 1e-6)

    def _slopes(
        self, x: Array, width: float, number: int, rng: np.random.Generator, plateau: Plateau | None
    ) -> Generator[Ask | Iterate, Batch | None, list[tuple[float, Array]]]:
        signs = rng.choice([-1.0, 1.0], size=(number, len(x)))
        batch = yield Ask(np.concatenate([x + width * signs, x - width * signs]))
        assert batch is not None
        if plateau is not None:
            plateau.add(batch)
        up, down = batch.energies[:number], batch.energies[number:]
        return [((u - v) / (2 * width), d) for u, v, d in zip(up, down, signs, strict=True)]
