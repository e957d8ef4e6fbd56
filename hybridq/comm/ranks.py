"""Ranks: what all verbs of a Comm rest on. Ranks meet, flags spread, and those that are left go on after a loss."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import survival
from hybridq.comm.failures import Failure, first
from hybridq.comm.line import Line
from hybridq.comm.meeting import Notes, meet
from hybridq.comm.patience import patience_on
from hybridq.comm.survival import Lost
from hybridq.contract.errors import InputError, MPIError, RootLost

T = TypeVar("T")
VERBS = ("agree", "once", "map", "share", "split", "barrier", "the end of an item")
END = VERBS[-1]
FLAGS = (1 << 32) - 1  # bits of a meeting: flags, then which verb, then whether a rank has failed
VERB = {name: 1 << (40 + k) for k, name in enumerate(VERBS)}
FAILED = 1 << 60
SMALL = 1 << 16  # bytes that go along with a meeting


@dataclass(slots=True)
class Raised:
    """Flags of this process, one for all its Comms."""

    bits: int = 0


class Ranks:
    """The ranks of a Comm; see there for the arguments."""

    def __init__(
        self,
        mpi: Any = None,
        local_size: int = 1,
        *,
        fault_tolerant: bool = False,
        _mends: bool = True,
        _raised: Raised | None = None,
    ) -> None:
        self._mpi = mpi
        self._line = None if mpi is None else Line(mpi, fault_tolerant, patience_on(local_size))
        self._rank = 0 if self._line is None else self._line.rank
        self._size = 1 if self._line is None else self._line.size
        self._local_size = local_size
        self._mends = _mends
        self._raised = Raised() if _raised is None else _raised
        self._flags = 0
        self._listen: Callable[[int], int] | None = None
        self._groups: dict[int, Any] = {}
        self._errands: Line | None = None
        self._broken: Failure | None = None
        self._lost = 0

    @property
    def rank(self) -> int:
        """This process's number, 0 to size - 1."""
        return self._rank

    @property
    def size(self) -> int:
        """Number of ranks."""
        return self._size

    @property
    def is_root(self) -> bool:
        """True on rank 0."""
        return self._rank == 0

    @property
    def local_size(self) -> int:
        """Ranks of the whole run on this node, those outside this Comm included."""
        return self._local_size

    @property
    def mpi(self) -> Any:
        """The mpi4py communicator, for backends that are MPI programs themselves; None where serial.

        The verbs never use it. It is another object after a rank was lost.
        """
        return self._mpi

    @property
    def fault_tolerant(self) -> bool:
        """True where the other ranks go on after one has died."""
        return self._line is not None and self._line.survives

    @property
    def lost(self) -> int:
        """Number of ranks that this Comm has lost so far."""
        return self._lost

    @property
    def flags(self) -> int:
        """The flags raised on any rank, ORed, as of the last verb and the same on all ranks.

        Flags of this process are there at once where it is alone. In a group of `share` the flags of other groups
        arrive too, with the verbs that the group calls.
        """
        return self._heard() if self._size == 1 else self._flags

    def raise_flag(self, bits: int) -> None:
        """Let all ranks know something, with their next verb; may be called by a signal handler, and on one rank.

        Args:
            bits: one or more of the 32 lowest bits; what they mean is for the callers.
        """
        self._raised.bits |= bits & FLAGS

    def clear_flags(self) -> None:
        """Lower all flags; every rank must call it at the same point. One that is raised meanwhile may be lost."""
        self._raised.bits = 0
        self._flags = 0
        for group in self._groups.values():
            group._flags = 0

    def __repr__(self) -> str:
        return f"<Comm: rank {self.rank} of {self.size}>"

    def _heard(self, more: int = 0) -> int:
        """The flags known on this rank; tells `more` to whoever listens."""
        bits = self._raised.bits | self._flags | more
        return bits if self._listen is None else bits | self._listen(bits)

    def _meet(
        self,
        verb: str,
        note: Any = None,
        decide: Callable[[Notes], Any] | None = None,
        failure: Failure | None = None,
    ) -> Any:
        """Meet the other ranks in a verb; what rank 0 decides. A `failure` is one that ends the item at hand."""
        assert self._line is not None
        if self._broken is not None:
            self._broken.raise_here(None)
        bits = self._heard() | VERB[verb] | (0 if failure is None else FAILED)

        def on_root(bits: int, notes: Notes) -> Any:
            if bits & FAILED:
                return first(note for _, note in notes if isinstance(note, Failure))
            called = [name for name in VERBS if bits & VERB[name]]
            if len(called) > 1:
                text = f"the ranks are out of step: some are in {', others in '.join(called)}"
                return Failure.of(MPIError(f"{text}; every rank must call the same verbs in the same order"))
            try:
                return None if decide is None else decide(notes)
            except Exception as error:  # the others wait for an answer
                return Failure.of(error, 0)

        bits, answer = meet(self._line, bits, note if failure is None else failure, on_root)
        self._flags |= bits & FLAGS
        if self._listen is not None:
            self._listen(self._flags)
        if isinstance(answer, Failure) and verb != END:
            if bits & VERB[END]:
                self._broken = answer  # the others have ended the item
            answer.raise_here(None)
        return answer

    def _end_item(self, error: BaseException | None, rank: int) -> Failure | None:
        """The failure of any rank of this group in the item at hand, on all of them.

        Args:
            error: what this rank met in the item.
            rank: its number for those who are told.

        Raises:
            Lost: a rank of the group died.
        """
        if self._broken is not None:
            told, self._broken = self._broken, None
            return told
        failure = None if error is None else Failure.of(error, rank)
        if self._size == 1:
            return failure
        assert self._line is not None
        if self._line.survives and error is not None and (survival.is_loss(error) or self._line.hurt()):
            self._give_up()
            raise Lost
        ended: Failure | None = self._attempt(partial(self._meet, END, failure=failure))[1]
        return ended

    def _from_root(self, verb: str, value: T, failure: BaseException | None) -> T:
        assert self._line is not None
        array: NDArray[Any] | None = None
        given: Any = value

        def announce(_: Notes) -> Any:
            nonlocal array, failure
            if failure is None and type(given) is np.ndarray and _is_plain(given) and given.nbytes > SMALL:
                array = np.asarray(given, order="C")  # ascontiguousarray would make a single number a row
                return ("array", array.shape, array.dtype.str)
            if failure is None:
                try:
                    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
                except Exception as error:
                    failure = InputError(f"a {type(value).__name__} cannot be sent to the other ranks: {error}")
                else:
                    if len(data) <= SMALL:
                        return ("value", data)
                    array = np.frombuffer(data, np.uint8)
                    return ("large", array.shape, array.dtype.str)
            assert failure is not None
            return ("failure", Failure.of(failure, self.rank))

        what, *rest = self._meet(verb, decide=announce)
        if what == "failure":
            rest[0].raise_here(failure)
        if what != "value":
            if array is None:
                array = np.empty(rest[0], np.dtype(rest[1]))
            if array.size:
                self._line.broadcast(array)
        if self.is_root:
            return value
        if what == "array":
            return array  # type: ignore[return-value]
        received: T = pickle.loads(rest[0] if array is None else array.tobytes())
        return received

    def _divide(self, ranks_per_group: int, mends: bool) -> Any:
        def divide() -> Any:
            assert self._line is not None
            self._meet("split")
            groups = self._size // min(ranks_per_group, self._size)
            mpi = self._line.split(self._rank * groups // self._size)
            return type(self)(
                mpi,
                self._local_size,
                fault_tolerant=self._line.survives,
                _mends=mends,
                _raised=self._raised,
            )

        return self._whole(divide)

    def _whole(self, body: Callable[[], T]) -> T:
        """The value of a collective `body`, begun again with the ranks that are left where one dies meanwhile."""
        while True:
            done, value = self._attempt(body)
            if done:
                return value  # type: ignore[return-value]

    def _attempt(self, body: Callable[[], T]) -> tuple[bool, T | None]:
        """``(True, body())``, or ``(False, None)`` where a rank died; the same on all ranks that are left.

        Raises:
            RootLost: rank 0 died.
            Lost: a rank died, and this is a group whose work is begun again by others.
        """
        line = self._line
        assert line is not None
        if not line.survives:
            return True, body()
        value: T | None = None
        failure: Exception | None = None
        whole = True
        try:
            value = body()
        except Lost:
            self._give_up()
            if not self._mends:
                raise
            whole = False
        except Exception as error:
            failure = error
        if self._mends and not survival.agreed(line.mpi, whole):
            self._mend()
            return False, None
        if failure is not None:
            raise failure
        return True, value

    def _leave(self) -> None:
        """At the end of the program, where a rank may have died: MPI's own end would wait for it."""
        assert self._line is not None
        survival.leave(self._line.mpi)

    def _give_up(self) -> None:
        """Wake those that wait for a rank that died."""
        assert self._line is not None
        survival.revoke(self._line.mpi)
        survival.revoke(self._mpi)

    def _mend(self) -> None:
        """Go on with the ranks that are left."""
        assert self._line is not None
        before, patience = self._size, self._line.patience
        self._give_up()
        for group in self._groups.values():
            group._give_up()
        if self._errands is not None:
            survival.revoke(self._errands.mpi)
        self._groups, self._errands = {}, None
        self._mpi, self._line, root_lives = survival.shrunk(self._mpi, lambda mpi: Line(mpi, True, patience))
        self._rank, self._size = self._line.rank, self._line.size
        self._lost += before - self._size
        if self.is_root:
            print(
                f"hybridq: {before - self._size} of {before} MPI ranks died; going on with {self._size}",
                file=sys.stderr,
                flush=True,
            )
        if not root_lives:
            raise RootLost(
                "rank 0 died, and what only it held is gone; the ranks that are left have a new rank 0 and can begin "
                "again from the journal"
            )


def _is_plain(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "biufc" and array.dtype.isnative
