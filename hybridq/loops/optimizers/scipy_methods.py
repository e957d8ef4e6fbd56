"""SciPy's minimizers as searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.loops.optimizers.inversion import invert
from hybridq.loops.optimizers.messages import Ask, Iterate, Limits, Outcome, Search
from hybridq.loops.optimizers.one_thread import on_one_blas_thread

Array = NDArray[np.float64]

GRADIENT_METHODS = ("L-BFGS-B", "BFGS", "SLSQP")
DENSE_METHODS = ("BFGS", "SLSQP")  # keep an n x n matrix: BLAS would round it differently on several threads


def _options(method: str, limits: Limits, n: int, scale: float) -> dict[str, Any]:
    """`limits` in the words of one method (scipy.optimize.show_options); `scale` is max(1, |energy|)."""
    most = limits.iterations
    if method == "L-BFGS-B":
        return {
            "gtol": limits.gradient,
            "ftol": limits.energy / scale,
            "maxcor": 20,
            "maxiter": most or 15000,
            "maxfun": 10**9,
        }
    if method == "BFGS":
        return {"gtol": limits.gradient, "maxiter": most or max(1000, 200 * n)}
    if method == "SLSQP":
        return {"ftol": limits.energy, "maxiter": most or max(1000, 200 * n)}
    if method == "COBYLA":
        return {"tol": 1e-5, "rhobeg": 0.1, "maxiter": most or max(1000, 1000 * n)}
    if method == "Nelder-Mead":
        return {"fatol": limits.energy, "xatol": 1e-5, "maxiter": most or 1000 * n, "maxfev": 10**9, "adaptive": n > 10}
    return {"ftol": limits.energy, "xtol": 1e-5, "maxiter": most or 1000 * n, "maxfev": 10**9}


@dataclass(frozen=True)
class SciPyMethod:
    """One of SciPy's minimizers.

    Attributes:
        name: SciPy's name for it.
        options: handed to ``scipy.optimize.minimize`` over hybridq's own choice from `Limits`.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uses_gradient(self) -> bool:
        """True for the quasi-Newton methods."""
        return self.name in GRADIENT_METHODS

    @property
    def plans_iterations(self) -> bool:
        """False: a limit on iterations cuts the walk off and changes nothing before."""
        return False

    def search(self, start: Array, limits: Limits, seed: int) -> Search:
        """Minimize from `start`; SciPy's methods need no seed.

        Raises:
            InputError: SciPy refuses an option.
        """
        search = invert(lambda say: self._minimize(say, start, limits))
        return on_one_blas_thread(search) if self.name in DENSE_METHODS else search

    def _minimize(self, say: Callable[[Any], Any], start: Array, limits: Limits) -> Outcome:
        import scipy.optimize

        minimize: Any = scipy.optimize.minimize
        known: dict[bytes, Any] = {}

        def value(x: Array) -> Any:
            x = np.array(x, dtype=np.float64)
            if x.tobytes() not in known:
                batch = say(Ask(x[None], self.uses_gradient))
                known.clear()
                energy = float(batch.energies[0])
                known[x.tobytes()] = (energy, np.array(batch.gradients[0])) if self.uses_gradient else energy
            return known[x.tobytes()]

        def accepted(x: Array) -> None:
            say(Iterate(np.array(x, dtype=np.float64)))

        first = value(start)
        energy = first[0] if self.uses_gradient else first
        options = {**_options(self.name, limits, len(start), max(1.0, abs(energy))), **self.options}
        self._check(minimize, start, options)
        found = minimize(
            value, np.array(start), jac=self.uses_gradient or None, method=self.name, callback=accepted, options=options
        )
        return Outcome(np.array(found.x, dtype=np.float64), bool(found.success), self._reason(found, limits))

    def _check(self, minimize: Any, start: Array, options: Mapping[str, Any]) -> None:
        """Let SciPy look at the options on a constant function: it only warns of those it does not know."""
        import warnings

        from scipy.optimize import OptimizeWarning

        for label, value in options.items():
            if isinstance(value, float) and np.isnan(value):
                raise InputError(f"optimizer {self.name!r} needs a number in option {label!r}, got nan")
        flat: Any = (0.0, np.zeros(len(start))) if self.uses_gradient else 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", OptimizeWarning)
            try:
                settings = {"jac": self.uses_gradient or None, "method": self.name}
                minimize(lambda x: flat, np.array(start), options={**options, "maxiter": 1}, **settings)
            except (OptimizeWarning, ValueError, TypeError) as problem:
                raise InputError(f"optimizer {self.name!r} refuses its options: {problem}") from None

    def _reason(self, found: Any, limits: Limits) -> str:
        """Why it ended, in hybridq's words where the case is known, else in SciPy's."""
        message = str(found.message).strip().rstrip(".")
        slope = float(np.abs(found.jac).max(initial=0.0)) if self.uses_gradient and "jac" in found else None
        if found.success and slope is not None and slope <= limits.gradient:
            return f"largest gradient component {slope:.1e} is within {limits.gradient:.0e}"
        if found.success:
            return "the energy no longer changes"
        if limits.iterations is not None and getattr(found, "nit", 0) >= limits.iterations:
            return f"the limit of {limits.iterations} iterations was reached"
        return f"SciPy: {message.lower()}"
