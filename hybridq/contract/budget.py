"""Budget: what a run may spend at most, in all its lives together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from hybridq.contract.backend import Cost
from hybridq.contract.errors import InputError


@dataclass(frozen=True)
class Budget:
    """Hard limits; None where there is none.

    Attributes:
        shots: samples.
        qpu_seconds: seconds of a quantum processor, as predicted at submission.
        dollars: US dollars, as predicted at submission.

    Raises:
        InputError: a limit is not positive, or none is given.
    """

    shots: int | None = None
    qpu_seconds: float | None = None
    dollars: float | None = None

    def __post_init__(self) -> None:
        limits = {"shots": self.shots, "qpu_seconds": self.qpu_seconds, "dollars": self.dollars}
        if all(limit is None for limit in limits.values()):
            raise InputError("a budget limits shots, qpu_seconds or dollars; give at least one of them")
        for name, limit in limits.items():
            if limit is not None and not (isinstance(limit, int | float) and math.isfinite(limit) and limit > 0):
                raise InputError(f"the budget's {name} must be positive and finite, got {limit!r}")

    def lacks(self, spent: Cost, more: Cost) -> str | None:
        """Why `more` does not fit after `spent`, in words; None where it does."""
        for name, unit in (("shots", "shots"), ("qpu_seconds", "seconds of QPU"), ("dollars", "dollars")):
            limit = getattr(self, name)
            before, wanted = getattr(spent, name), getattr(more, name)
            if limit is not None and before + wanted > limit * (1 + 1e-12):
                return (
                    f"the budget of {limit:,.10g} {unit} has {max(limit - before, 0):,.6g} left, and the next "
                    f"evaluation needs {wanted:,.6g}"
                )
        return None


def budget_of(limits: Budget | Mapping[str, Any] | None) -> Budget | None:
    """A budget, or what its fields say.

    Raises:
        InputError: a field is unknown or no positive number.
    """
    if limits is None or isinstance(limits, Budget):
        return limits
    known = [f.name for f in fields(Budget)]
    if not isinstance(limits, Mapping) or set(limits) - set(known):
        raise InputError(f"a budget has {', '.join(known)}; got {limits!r}")
    return Budget(**limits)
