"""multi-start: one kind of search from many starts, for landscapes with several minima."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.loops.optimizers.ensemble import ensemble, seed_of
from hybridq.loops.optimizers.messages import Limits, Optimizer, Search
from hybridq.loops.optimizers.spsa_ensemble import SPSAEnsemble


@dataclass(frozen=True)
class MultiStart:
    """The same search from `starts` places at once; the lowest end is the result.

    The searches go in lock-step: what all of them ask for in a round is one batch. `Limits.iterations` holds for
    each of them.

    Attributes:
        of: the search, by name or as an object; another ensemble is refused.
        starts: how many, at least 2. The first begins at the start itself, the others around it.
        spread: standard deviation of the other starts around it, radians.
        of_options: options of the search, where it is given by name.

    Raises:
        InputError: an attribute is out of range, or the search refuses its options.
    """

    of: str | Optimizer = "L-BFGS-B"
    starts: int = 8
    spread: float = 0.1
    of_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.starts < 2:
            raise InputError(f"multi-start needs at least 2 starts, got {self.starts}; for one, use its search alone")
        if not 0 < self.spread < np.inf:
            raise InputError(f"multi-start needs a spread above 0, in radians, got {self.spread}")
        if not isinstance(self.of, str) and self.of_options:
            raise InputError(
                f"of_options {sorted(self.of_options)} came with an optimizer object; give them to its class"
            )
        inner = self._inner()
        if isinstance(inner, MultiStart | SPSAEnsemble):
            raise InputError(
                f"multi-start is an ensemble itself and cannot be made of {inner.name!r}; "
                "give it a single search, such as 'L-BFGS-B' or 'SPSA', and more starts"
            )
        _check_reentrant(inner.name)

    @property
    def name(self) -> str:
        """multi-start."""
        return "multi-start"

    @property
    def uses_gradient(self) -> bool:
        """As its searches."""
        return self._inner().uses_gradient

    def search(self, start: NDArray[np.float64], limits: Limits, seed: int) -> Search:
        """Search from around `start`; the same seed and values give the same walks."""
        moves = np.random.default_rng([seed, 0x3A57]).normal(scale=self.spread, size=(self.starts, len(start)))
        moves[0] = 0.0
        inner = self._inner()
        return ensemble([inner.search(start + move, limits, seed_of(k, seed)) for k, move in enumerate(moves)])

    def _inner(self) -> Optimizer:
        from hybridq.loops.optimizers import optimizer

        return optimizer(self.of, **self.of_options)


def _check_reentrant(name: str) -> None:
    """COBYLA's Fortran callbacks, in SciPy before 1.16, serve one search at a time."""
    import scipy

    if name == "COBYLA" and tuple(int(part) for part in scipy.__version__.split(".")[:2]) < (1, 16):
        raise InputError(
            f"several COBYLA searches at once need SciPy 1.16 or newer, and this is {scipy.__version__}: "
            "upgrade SciPy, or take another search"
        )
