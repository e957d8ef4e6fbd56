"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.options import check_options, normal
from hybridq.loops.optimizers.messages import Ask, Iterate, Limits, Optimizer, Outcome, Search

__all__ = [
    "NAMES",
    "Ask",
    "Iterate",
    "Limits",
    "Optimizer",
    "Outcome",
    "Search",
    "described",
    "make_optimizer",
    "optimizer",
]

OWN = {
    "SPSA": "spsa:SPSA",
    "SPSA-ensemble": "spsa_ensemble:SPSAEnsemble",
    "DE": "differential_evolution:DE",
    "CMA-ES": "cma_es:CMAES",
    "multi-start": "multi_start:MultiStart",
    "linear-method": "linear_method:LinearMethod",
    "natural-gradient": "linear_method:NaturalGradient",
    "newton": "newton:Newton",
}
NAMES = ("L-BFGS-B", "BFGS", "SLSQP", "COBYLA", "Nelder-Mead", "Powell", *OWN)


def optimizer(name: str | Optimizer, **options: Any) -> Optimizer:
    """The optimizer of this name ("_", "-" and case make no difference), or the object itself.

    Raises:
        InputError: no such optimizer, or an option that it does not have.
    """
    if not isinstance(name, str):
        if not callable(getattr(name, "search", None)):
            raise InputError(f"an optimizer is a name or an object with a method 'search', got {name!r}")
        return name
    wanted = {"lbfgs": "lbfgsb", "cma": "cmaes", "differentialevolution": "de"}.get(_squeezed(name), _squeezed(name))
    found = [known for known in NAMES if _squeezed(known) == wanted]
    if not found:
        raise unknown_name("optimizer", name, NAMES)
    if found[0] in OWN:
        module, member = OWN[found[0]].split(":")
        kind = getattr(import_module(f"{__name__}.{module}"), member)
        check_options(f"optimizer {found[0]!r}", kind, options)
        made: Optimizer = kind(**options)
        return made
    from hybridq.loops.optimizers.scipy_methods import SciPyMethod

    return SciPyMethod(found[0], options)


def make_optimizer(wanted: str | Optimizer, options: Mapping[str, Any]) -> Optimizer:
    """The optimizer of a name with options, or the object itself, which takes none.

    Raises:
        InputError: as `optimizer`, or options came with an object.
    """
    if not isinstance(wanted, str) and options:
        raise InputError(f"optimizer_options {sorted(options)} came with an optimizer object; give them to its class")
    return optimizer(wanted, **options)


def described(made: Optimizer) -> dict[str, Any]:
    """Name and options with which `optimizer` makes it again, as JSON can hold them."""
    attributes = vars(made) if hasattr(made, "__dict__") else {}
    found = {key: value for key, value in sorted(attributes.items()) if key != "name"}
    if found.keys() == {"options"}:
        found = dict(found["options"])
    return {"name": made.name, "options": found}


def _squeezed(name: str) -> str:
    return normal(name).replace("-", "")
