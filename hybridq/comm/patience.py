"""Waiting without keeping a processor busy: ranks may outnumber cores, and a wait may last for hours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SHORTEST = 2e-5
LONGEST = 0.02
GLANCES = 10


def wait_for(look: Callable[[], T], longest: float = LONGEST) -> T:
    """Call `look` until it gives something true, and return that.

    After some glances it sleeps in between, for a fifth of the time already waited: what a wait takes too long is
    at most 20 % of it, or `longest` seconds.
    """
    for _ in range(GLANCES):
        found = look()
        if found:
            return found
    began = time.perf_counter()
    while not (found := look()):
        time.sleep(min(longest, max(SHORTEST, 0.2 * (time.perf_counter() - began))))
    return found
