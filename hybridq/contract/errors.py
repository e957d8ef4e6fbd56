"""The failures of hybridq: one class for each remedy.

A message says what happened, the value that was met, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HybridqError(Exception):
    """Base of every error that hybridq raises on purpose."""


class InputError(HybridqError, ValueError):
    """The call or its input is wrong; remedy: correct it."""


class ConvergenceError(HybridqError):
    """A classical calculation did not converge; remedy: change its settings, or accept it explicitly."""


class CapacityError(HybridqError):
    """The work does not fit; the message names what was needed, what there is, and what would fit."""


class BackendError(HybridqError):
    """A backend failed while it worked.

    Attributes:
        retryable: True where the same request may succeed later without a change.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class BudgetExceeded(HybridqError):
    """Going on would spend more than the budget allows; nothing was spent beyond it."""


class MissingPackage(HybridqError, ImportError):
    """An optional package is not installed; the message says how to install it."""


class JournalMismatch(HybridqError):
    """A run folder belongs to another run; remedy: another folder, or the settings it was made with."""


class JobNotFound(HybridqError, LookupError):
    """No job with this id is known to the backend."""


class MPIError(HybridqError):
    """The launcher and the MPI library do not fit together; remedy: in the message."""


class RootLost(MPIError):
    """Rank 0 died, and the ranks that are left have a new one; what only rank 0 held is gone."""


class RankError(HybridqError):
    """Another MPI rank failed; the message carries its rank and its error."""


def unknown_name(kind: str, name: object, known: Iterable[str], *, hint: str = "") -> InputError:
    """The error for a name that is not known: lists near names, then all of them."""
    names = sorted(known)
    by_lower = {n.lower(): n for n in names}
    near = [by_lower[n] for n in difflib.get_close_matches(str(name).lower(), by_lower, n=3, cutoff=0.5)]
    text = f"unknown {kind} {name!r}"
    if near:
        text += "; did you mean " + " or ".join(repr(n) for n in near) + "?"
    text += f"{'' if near else '.'} Known: {', '.join(names) if names else 'none'}."
    return InputError(f"{text} {hint}".rstrip())
