"""Optimizers by name."""

from __future__ import annotations

from typing import Any

from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.options import check_options, normal
from hybridq.loops.optimizers.messages import Ask, Iterate, Limits, Optimizer, Outcome, Search

__all__ = ["NAMES", "Ask", "Iterate", "Limits", "Optimizer", "Outcome", "Search", "optimizer"]

NAMES = ("L-BFGS-B", "BFGS", "SLSQP", "COBYLA", "Nelder-Mead", "Powell", "SPSA")


def optimizer(name: str | Optimizer, **options: Any) -> Optimizer:
    """The optimizer of this name ("_", "-" and case make no difference), or the object itself.

    Raises:
        InputError: no such optimizer, or an option that it does not have.
    """
    if not isinstance(name, str):
        if not callable(getattr(name, "search", None)):
            raise InputError(f"an optimizer is a name or an object with a method 'search', got {name!r}")
        return name
    wanted = {"lbfgs": "lbfgsb"}.get(_squeezed(name), _squeezed(name))
    found = [known for known in NAMES if _squeezed(known) == wanted]
    if not found:
        raise unknown_name("optimizer", name, NAMES)
    if found[0] == "SPSA":
        from hybridq.loops.optimizers.spsa import SPSA

        check_options("optimizer 'SPSA'", SPSA, options)
        return SPSA(**options)
    from hybridq.loops.optimizers.scipy_methods import SciPyMethod

    return SciPyMethod(found[0], options)


def _squeezed(name: str) -> str:
    return normal(name).replace("-", "")
