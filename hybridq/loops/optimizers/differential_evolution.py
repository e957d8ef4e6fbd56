"""DE: differential evolution, one generation one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.loops.optimizers.inversion import invert
from hybridq.loops.optimizers.messages import Ask, Iterate, Limits, Outcome, Search
from hybridq.loops.optimizers.plateau import Plateau
from hybridq.loops.optimizers.scipy_methods import SciPyMethod

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DE:
    """SciPy's differential evolution (Storn and Price, doi:10.1023/A:1008202821328), strategy best1bin.

    The first generation is the start and a Latin hypercube of the box around it, and every generation is one
    batch of `population` rows. The search never leaves the box.

    Attributes:
        population: rows of a generation, at least 5.
        radius: half the edge of the box, radians.
        mutation: differential weight, 0 to 2; of two numbers, it is drawn between them for each generation.
        recombination: probability that a parameter comes from the mutant, above 0 and up to 1.
        generations: how many, the first included; `Limits.iterations` overrides it.
        tolerance: converged where the standard deviation of the population's energies is this small, in hartree,
            or as small as `Limits.energy`; with noise, where the generations' mean energy no longer falls.
        polish: let L-BFGS-B go on from the best row; it asks for gradients.

    Raises:
        InputError: an attribute is out of range.
    """

    population: int = 32
    radius: float = np.pi / 4
    mutation: float | Sequence[float] = (0.5, 1.0)
    recombination: float = 0.7
    generations: int = 1000
    tolerance: float = 1e-7
    polish: bool = False

    def __post_init__(self) -> None:
        if self.population < 5:
            raise InputError(f"DE needs a population of at least 5, got {self.population}")
        if self.generations < 1:
            raise InputError(f"DE needs generations of at least 1, got {self.generations}")
        if not 0 < self.radius < np.inf:
            raise InputError(f"DE needs a radius above 0, in radians, got {self.radius}")
        weights = self._weights
        if (
            len(weights) not in (1, 2)
            or not all(isinstance(w, Real) and 0 <= w < 2 for w in weights)
            or weights[0] > weights[-1]
        ):
            raise InputError(f"DE needs as mutation a number from 0 to below 2, or two in order, got {self.mutation}")
        if not 0 < self.recombination <= 1:
            raise InputError(f"DE needs a recombination above 0 and up to 1, got {self.recombination}")
        if not self.tolerance > 0:
            raise InputError(f"DE needs a tolerance above 0, in hartree, got {self.tolerance}")

    @property
    def _weights(self) -> tuple[float, ...]:
        return tuple(self.mutation) if isinstance(self.mutation, Sequence) else (self.mutation,)

    @property
    def name(self) -> str:
        """DE."""
        return "DE"

    @property
    def uses_gradient(self) -> bool:
        """True where the result is polished."""
        return self.polish

    @property
    def plans_iterations(self) -> bool:
        """True where the result is polished; else a limit on generations only cuts the walk off."""
        return self.polish

    def search(self, start: Array, limits: Limits, seed: int) -> Search:
        """Search the box around `start`; the same seed and values give the same walk."""
        found: Outcome = yield from invert(lambda say: self._evolve(say, start, limits, seed))
        if not self.polish:
            return found
        polished = yield from SciPyMethod("L-BFGS-B").search(found.row, limits, seed)
        return Outcome(polished.row, polished.converged, f"{found.reason}; then L-BFGS-B: {polished.reason}")

    def _evolve(self, say: Callable[[Any], Any], start: Array, limits: Limits, seed: int) -> Outcome:
        from scipy.optimize import OptimizeResult

        rng = np.random.default_rng([seed, 0xDE])
        total = limits.iterations or self.generations
        tolerance = max(limits.energy, self.tolerance)
        plateau = Plateau(10 + len(start))
        lowest = (start, np.inf)
        noisy = False

        def energies(moves: Array) -> Array:
            nonlocal lowest, noisy
            rows = np.ascontiguousarray(start + moves.T)
            batch = say(Ask(rows))
            plateau.add(batch)
            noisy = bool(batch.stderrs.any())
            k = int(np.argmin(batch.energies))
            if batch.energies[k] < lowest[1]:
                lowest = (rows[k], float(batch.energies[k]))
            # A noisy lowest value is the luckiest one: the mean of the generation is the honest energy.
            say(Iterate(lowest[0], float(np.mean(batch.energies)) if noisy else lowest[1]))
            return np.array(batch.energies)

        def ended(intermediate_result: OptimizeResult) -> bool:
            spread = float(np.std(intermediate_result.population_energies))
            return plateau.reached if noisy else spread <= tolerance

        found = self._scipy(energies, self._first(len(start), rng), total, ended, rng)
        row = lowest[0]
        if noisy:  # look at the survivors once more, since each was kept for a low value
            rows = np.ascontiguousarray(start + found.population)
            again = say(Ask(rows))
            row = rows[int(np.argmin(found.population_energies + again.energies))]
        spread = float(np.std(found.population_energies))
        converged = plateau.reached if noisy else spread <= tolerance
        if converged and noisy:
            reason = "the mean energy of a generation no longer falls, within its error"
        elif converged:
            reason = f"the energies of the population spread by no more than {tolerance:.0e} hartree"
        else:
            reason = f"the limit of {total} generations was reached, with energies spread by {spread:.1e} hartree"
        at_edge = int(np.sum(np.abs(row - start) > 0.99 * self.radius))
        if at_edge:
            reason += f"; {at_edge} parameters lie at the edge of the box, {self.radius:.3g} radians from the start"
        return Outcome(row, converged, reason)

    def _first(self, n: int, rng: np.random.Generator) -> Array:
        """Displacements of the first generation, shape (population, n), radians: zero, then a Latin hypercube."""
        cells = rng.permuted(np.tile(np.arange(self.population - 1), (n, 1)), axis=1).T
        places = (cells + rng.random(cells.shape)) / (self.population - 1)
        return np.vstack([np.zeros(n), self.radius * (2 * places - 1)])

    def _scipy(
        self,
        energies: Callable[[Array], Array],
        first: Array,
        generations: int,
        ended: Callable[..., bool],
        rng: np.random.Generator,
    ) -> Any:
        import inspect

        from scipy.optimize import differential_evolution

        evolve: Any = differential_evolution
        weights = self._weights
        generator = "rng" if "rng" in inspect.signature(evolve).parameters else "seed"  # its name before SciPy 1.15
        return evolve(
            energies,
            [(-self.radius, self.radius)] * first.shape[1],
            mutation=weights[0] if len(weights) == 1 else weights,
            recombination=self.recombination,
            maxiter=generations - 1,
            init=first,
            tol=0,
            atol=0,
            polish=False,
            updating="deferred",
            vectorized=True,
            callback=ended,
            **{generator: rng},
        )
