"""Options given by name to a function or class that plugins wrote: checked before the call."""

from __future__ import annotations

import collections.abc
import difflib
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from hybridq.contract.errors import InputError


def normal(name: str) -> str:
    """A name as it is compared: "_", "-" and case make no difference."""
    return name.strip().lower().replace("_", "-")


def check_options(owner: str, function: Callable[..., Any], options: Mapping[str, Any], *, skip: int = 0) -> None:
    """Hold `options` against the signature of `function`, whose first `skip` arguments are given by position.

    Types are compared where the annotation is simple enough (classes, unions, Literal, containers by their outer
    class); an annotation that cannot be read accepts anything.

    Raises:
        InputError: an option is unknown, has a wrong type, or a required one is missing; lists the known ones.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    parameters = list(signature.parameters.values())
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:skip]
    taken = {p.name for p in by_position}
    known = {
        p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in taken
    }
    listing = ", ".join(_shown(p) for p in known.values()) or "none"
    for name, value in options.items():
        if name not in known:
            if name not in taken and any(p.kind is p.VAR_KEYWORD for p in parameters):
                continue
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise InputError(f"{owner} has no option {name!r}{hint} Its options: {listing}")
        wanted = _annotation(function, known[name])
        if not _fits(value, wanted):
            raise InputError(
                f"option {name!r} of {owner} is {value!r} ({type(value).__name__}); it takes {_text(wanted)}. "
                f"Its options: {listing}"
            )
    missing = [name for name, p in known.items() if p.default is p.empty and name not in options]
    if missing:
        raise InputError(f"{owner} needs the option {missing[0]!r}. Its options: {listing}")


def _shown(parameter: inspect.Parameter) -> str:
    return parameter.name if parameter.default is parameter.empty else f"{parameter.name}={parameter.default!r}"


def _text(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return Any
    if isinstance(annotation, str):
        owner = inspect.unwrap(function)
        names = getattr(owner, "__globals__", None) or vars(sys.modules.get(owner.__module__, types))
        try:
            return eval(annotation, dict(names))
        except Exception:
            return Any
    return annotation


def _fits(value: Any, wanted: Any) -> bool:
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in get_args(wanted))
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(wanted))
    if wanted is None or wanted is type(None):
        return value is None
    kind = origin or wanted
    if not isinstance(kind, type):
        return True
    if kind is bool:
        return _is_a(value, "b", bool)
    if kind is int:
        return _is_a(value, "iu", int)
    if kind in (float, complex):
        return _is_a(value, "iuf", int, float) or (kind is complex and isinstance(value, complex))
    if kind is collections.abc.Sequence:
        return isinstance(value, kind) and not isinstance(value, str | bytes)
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol that cannot be checked at run time
        return True


def _is_a(value: Any, numpy_kinds: str, *classes: type) -> bool:
    if isinstance(value, bool):
        return bool in classes
    scalar = getattr(value, "dtype", None)
    if scalar is not None and getattr(value, "shape", None) == ():
        return scalar.kind in numpy_kinds
    return isinstance(value, classes)
