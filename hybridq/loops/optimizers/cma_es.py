"""CMA-ES: a population drawn from a normal distribution that learns the landscape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.loops.optimizers.messages import Ask, Iterate, Limits, Outcome, Search
from hybridq.loops.optimizers.one_thread import on_one_blas_thread
from hybridq.loops.optimizers.plateau import Plateau

Array = NDArray[np.float64]

CONTRACTED = {  # pycma's reasons to stop that mean that there is nothing left to find here
    "tolfun": "the energies of the generations no longer differ",
    "tolfunhist": "the lowest energy no longer changes",
    "tolx": "the distribution has shrunk to a point",
    "tolxstagnation": "the mean no longer moves",
    "tolflatfitness": "the energies of a generation are all the same",
    "noeffectaxis": "steps are lost in rounding",
    "noeffectcoord": "steps are lost in rounding",
}
FAILED = {
    "tolstagnation": "the energies have not fallen for many generations",
    "tolfacupx": "the steps grew a thousandfold: the minimum is far away, take a larger sigma",
    "tolupsigma": "the steps grow without any gain",
    "tolconditioncov": "the covariance matrix became ill-conditioned",
}


@dataclass(frozen=True)
class CMAES:
    """Covariance matrix adaptation evolution strategy (Hansen, arXiv:1604.00772), by the package pycma.

    Each generation is one batch of `population` rows. It uses the order of the energies only, so that noise on them
    does little harm. The result is the lowest row seen, or the centre of the last distribution where that is
    lower; of noisy values, the mean of the last centres.

    Attributes:
        population: rows of a generation, at least 4; None takes 4 + 3 log(n_parameters).
        sigma: standard deviation of the first generation, radians.
        generations: how many; `Limits.iterations` overrides it.

    Raises:
        InputError: an attribute is out of range.
    """

    population: int | None = None
    sigma: float = 0.1
    generations: int = 1000

    def __post_init__(self) -> None:
        if self.population is not None and self.population < 4:
            raise InputError(f"CMA-ES needs a population of at least 4, got {self.population}")
        if self.generations < 1:
            raise InputError(f"CMA-ES needs generations of at least 1, got {self.generations}")
        if not 0 < self.sigma < np.inf:
            raise InputError(f"CMA-ES needs a sigma above 0, in radians, got {self.sigma}")

    @property
    def name(self) -> str:
        """CMA-ES."""
        return "CMA-ES"

    @property
    def uses_gradient(self) -> bool:
        """False: values only."""
        return False

    @property
    def plans_iterations(self) -> bool:
        """False: a limit on generations only cuts the walk off."""
        return False

    def search(self, start: Array, limits: Limits, seed: int) -> Search:
        """Search from `start`; the same seed and values give the same walk."""
        return on_one_blas_thread(self._walk(start, limits, seed))

    def _walk(self, start: Array, limits: Limits, seed: int) -> Search:
        import cma

        rng = np.random.default_rng([seed, 0xC3A])
        total = limits.iterations or self.generations
        options = {
            "randn": lambda *shape: rng.standard_normal(shape),
            "seed": np.nan,  # leave NumPy's global generator alone
            "maxiter": np.inf,
            "tolfun": limits.energy,
            "tolfunhist": limits.energy,
            "signals_filename": "",
            "verbose": -10,
            "verb_log": 0,
            "verb_disp": 0,
        }
        if self.population is not None:
            options["popsize"] = self.population
        strategy = cma.CMAEvolutionStrategy(start, self.sigma, options)
        plateau = Plateau(10 + len(start))
        lowest, low, noisy = start, np.inf, False
        means: list[Array] = []
        reason, converged = f"the limit of {total} generations was reached", False
        for _ in range(total):
            points = strategy.ask()
            rows = np.array(points)
            batch = yield Ask(rows)
            assert batch is not None
            strategy.tell(points, batch.energies.tolist())
            noisy = bool(batch.stderrs.any())
            k = int(np.argmin(batch.energies))
            if batch.energies[k] < low:
                lowest, low = rows[k], float(batch.energies[k])
            plateau.add(batch)
            means = [*means[1 - plateau.window :], np.array(strategy.mean, dtype=np.float64)]
            # The lowest of noisy values is the luckiest one: their honest summary is the mean, at the mean.
            yield Iterate(means[-1], float(np.mean(batch.energies))) if noisy else Iterate(lowest, low)
            if noisy and plateau.reached:
                reason, converged = "the mean energy of a generation no longer falls, within its error", True
                break
            if stops := strategy.stop():
                word = next(iter(stops))
                reason = {**CONTRACTED, **FAILED}.get(word, f"pycma: {word}")
                converged = word in CONTRACTED
                break
        if noisy:
            return Outcome(np.mean(means, axis=0), converged, reason)
        if not converged:
            return Outcome(lowest, converged, reason)
        batch = yield Ask(means[-1][None])
        assert batch is not None
        return Outcome(means[-1] if batch.energies[0] < low else lowest, converged, reason)
