"""Failure: an exception on its way from one rank to the others."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hybridq.contract.errors import HybridqError, RankError

KINDS = (HybridqError, SystemExit, KeyboardInterrupt)
MOST = 1 << 26  # bytes of an attribute that goes along


@dataclass(frozen=True, slots=True)
class Failure:
    """What is sent: never the exception itself, which may not survive pickling.

    Attributes:
        rank: where it was raised; None where it is about all ranks alike.
        module: module of its class.
        kind: name of its class.
        message: its text.
        relayed: True where it came to that rank from another one.
        attributes: of an exception of hybridq's, each pickled; None for one that cannot be sent.
    """

    rank: int | None
    module: str
    kind: str
    message: str
    relayed: bool = False
    attributes: dict[str, bytes | None] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, error: BaseException, rank: int | None = None) -> Failure:
        """Describe `error`, raised on `rank`."""
        kind = type(error)
        attributes = {}
        if _is_ours(kind.__module__) and isinstance(error, KINDS):
            attributes = {name: _pickled(value) for name, value in vars(error).items()}
            if isinstance(error, SystemExit):
                attributes["code"] = _pickled(error.code)
            attributes["args"] = _pickled(error.args)
        return cls(rank, kind.__module__, kind.__qualname__, str(error), relayed(error), attributes)

    def raise_here(self, own: BaseException | None) -> NoReturn:
        """Raise it on this rank: the original where it is this rank's `own`, else what stands for it.

        Raises:
            RankError: the class is not one of hybridq's, or cannot be made again.
        """
        if own is not None and self._is(own):
            raise own
        told = RankError(f"rank {self.rank} failed with {self.kind}: {self.message}")
        twin = self._twin()
        if twin is None:
            raise told
        raise twin from (told if self.rank is not None else None)

    def _is(self, error: BaseException) -> bool:
        kind = type(error)
        return (kind.__module__, kind.__qualname__, str(error)) == (self.module, self.kind, self.message)

    def _twin(self) -> BaseException | None:
        """The same exception again, without its constructor: classes take what they like there."""
        if not _is_ours(self.module):
            return None
        try:
            kind: Any = importlib.import_module(self.module)
            for name in self.kind.split("."):
                kind = getattr(kind, name)
            if not issubclass(kind, KINDS):
                return None
            values = {name: None if data is None else pickle.loads(data) for name, data in self.attributes.items()}
            args = values.pop("args", None) or (self.message,)
            twin: BaseException = kind.__new__(kind, *args)
            twin.args = args
            for name, value in values.items():
                setattr(twin, name, value)
            return twin
        except Exception:
            return None


def first(failures: Iterable[Failure]) -> Failure:
    """The one that is raised on all ranks: an original before one that was relayed, then the lowest rank's."""
    return min(failures, key=lambda failure: (failure.relayed, failure.rank or 0))


def relayed(error: BaseException | None) -> bool:
    """Whether the exception came from another rank."""
    seen = 0
    while error is not None and seen < 100:
        if isinstance(error, RankError):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "hybridq"


def _pickled(value: Any) -> bytes | None:
    try:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:
        return None
    return data if len(data) <= MOST else None
