"""Sequel: what rank 0 does with the result of a map before the other ranks hear of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from hybridq.comm.failures import Failure
from hybridq.comm.mapping import Verdict
from hybridq.comm.ranks import SMALL


class Sequel:
    """Calls a function on rank 0, once, however often the ranks have to meet until all have heard.

    Args:
        fn: takes the whole array.

    Attributes:
        fn: as given.
        value: what `fn` gave, on rank 0.
        failure: what it raised there.
    """

    def __init__(self, fn: Callable[[NDArray[Any]], Any]) -> None:
        self.fn = fn
        self._called = False
        self.value: Any = None
        self.failure: BaseException | None = None

    def call(self, values: NDArray[Any]) -> None:
        """On rank 0: go through it, unless it has been."""
        if self._called:
            return
        self._called = True
        try:
            self.value = self.fn(values)
        except BaseException as error:
            self.failure = error

    def told_with(self, verdict: Verdict, n: int) -> Verdict:
        """On rank 0: the verdict on a map of `n` rows, with what came of them; as it was where that is too large."""
        if verdict.data is None:
            return verdict
        self.call(verdict.whole(n))
        if self.failure is not None:
            return Verdict(Failure.of(self.failure, 0))
        try:
            said = pickle.dumps(self.value, pickle.HIGHEST_PROTOCOL)
        except Exception:
            return verdict  # said again, and then the error is raised
        return replace(verdict, said=said) if len(said) <= SMALL else verdict
