"""Waiting without keeping a processor busy: ranks may outnumber cores, and a wait may last for hours."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to look.

    Attributes:
        watchful: seconds to look again and again first; 0 where ranks outnumber cores.
        shortest: seconds of the first nap after that. Naps grow with the time already waited, to a fifth of it.
        longest: seconds of a nap at most; what a wait takes too long is this or 20 % of it.
    """

    watchful: float = 0.0
    shortest: float = 2e-5
    longest: float = 0.02


WATCHFUL = 5e-4
GLANCES = 5


def patience_on(ranks_of_node: int) -> Patience:
    """The patience of ranks that share a node with so many."""
    return Patience(WATCHFUL if ranks_of_node <= (os.cpu_count() or 1) else 0.0)


def wait_for(look: Callable[[], T], patience: Patience) -> T:
    """Call `look` until it gives something true, and return that."""
    for _ in range(GLANCES):
        found = look()
        if found:
            return found
    began = time.perf_counter()
    waited = 0.0
    while not (found := look()):
        if waited >= patience.watchful:
            time.sleep(min(patience.longest, max(patience.shortest, 0.2 * waited)))
        waited = time.perf_counter() - began
    return found
