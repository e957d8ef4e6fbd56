"""Failure: an exception on its way from one rank to the others."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import NoReturn

from hybridq.contract.errors import BackendError, HybridqError, RankError


@dataclass(frozen=True, slots=True)
class Failure:
    """What is sent: never the exception itself, which may not survive pickling.

    Attributes:
        rank: where it was raised.
        module: module of its class.
        kind: name of its class.
        message: its text.
        retryable: for a `BackendError`, whether to try again.
    """

    rank: int
    module: str
    kind: str
    message: str
    retryable: bool = False

    @classmethod
    def of(cls, error: BaseException, rank: int) -> Failure:
        """Describe `error`, raised on `rank`."""
        kind = type(error)
        return cls(rank, kind.__module__, kind.__qualname__, str(error), bool(getattr(error, "retryable", False)))

    def raise_here(self, own: BaseException | None) -> NoReturn:
        """Raise it on this rank: the original where it is this rank's `own`, else what stands for it.

        Raises:
            RankError: the class is not one of hybridq's, or cannot be made from a message.
        """
        if own is not None and Failure.of(own, self.rank) == self:
            raise own
        relayed = RankError(f"rank {self.rank} failed with {self.kind}: {self.message}")
        twin = self._twin()
        if twin is None:
            raise relayed
        raise twin from relayed

    def _twin(self) -> HybridqError | None:
        if self.module.partition(".")[0] != "hybridq":
            return None
        try:
            kind = getattr(importlib.import_module(self.module), self.kind)
            if not issubclass(kind, HybridqError):
                return None
            options = {"retryable": self.retryable} if issubclass(kind, BackendError) else {}
            twin: HybridqError = kind(self.message, **options)
            return twin
        except Exception:
            return None
