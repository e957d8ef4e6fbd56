"""share: items handed out one by one to groups of ranks as these become free.

The first rank of a group, its leader, asks rank 0 for an item and sends the value of its last one along. Rank 0
answers from a thread, since it leads a group of its own and may be busy with an item for long.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hybridq.comm.failures import Failure
from hybridq.comm.line import Line
from hybridq.comm.patience import Patience
from hybridq.comm.schedule import Schedule
from hybridq.comm.survival import Lost

ASK, TELL = 1, 2
SHORTEST = 0.0002
LONGEST = 0.002  # seconds that a rank naps at most while it waits for an item, or rank 0 for a question
NAPS = Patience(0.0, SHORTEST, LONGEST)


@dataclass(frozen=True, slots=True)
class Report:
    """What a leader tells rank 0.

    Attributes:
        flags: raised in its group, as far as it knows.
        item: which it has finished, None where this is about flags alone or the first question.
        value: of the item, pickled; None where it failed.
        failure: why it failed; both None where the item is given back, since its group lost a rank.
        asks: True where it waits for an `Order`.
    """

    flags: int
    item: int | None = None
    value: bytes | None = None
    failure: Failure | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What rank 0 tells a leader: flags, and in answer to a question the next item or to leave.

    Attributes:
        flags: raised in any group.
        item: to work on, or None.
        given: pickled value of the item that this one had to wait for, or None.
        leave: True where nothing is left to do.
    """

    flags: int
    item: int | None = None
    given: bytes | None = None
    leave: bool = False


class Leader:
    """A leader's end of the line.

    Args:
        line: to rank 0.
        flags: called now and then, gives the flags known on this rank.
        meanwhile: called while this end waits.
    """

    def __init__(self, line: Line, flags: Callable[[], int], meanwhile: Callable[[], object] | None) -> None:
        self._line = line
        self._flags = flags
        self._meanwhile = meanwhile
        self._told = 0
        self.heard = 0

    def next(self, report: Report) -> Order:
        """Send what became of the last item; the answer, which may take long.

        Raises:
            Lost: rank 0 died.
        """
        self._send(report)
        while True:
            data = self._line.receive(0, TELL, self._while_waiting, NAPS)[1]
            order = self._hear(data)
            if order.item is not None or order.leave:
                return order

    def exchange(self, flags: int) -> int:
        """Flags to rank 0 where it does not know them yet, and those that it has told since."""
        if self._meanwhile is not None:
            self._meanwhile()
        if flags & ~(self._told | self.heard):
            self._send(Report(flags))
        while (message := self._line.poll(0, TELL)) is not None:
            self._hear(message[1])
        return self.heard

    def _while_waiting(self) -> None:
        if self._meanwhile is not None:
            self._meanwhile()
        flags = self._flags()
        if flags & ~(self._told | self.heard):
            self._send(Report(flags))

    def _send(self, report: Report) -> None:
        self._told |= report.flags
        self._line.send(pickle.dumps(report, pickle.HIGHEST_PROTOCOL), 0, ASK, self._meanwhile)

    def _hear(self, data: bytes) -> Order:
        order: Order = pickle.loads(data)
        self.heard |= order.flags
        return order


class Server:
    """Rank 0's end: hands out what is ready, lowest item first, and keeps what comes back.

    Args:
        line: to the leaders.
        leaders: their ranks.
        schedule: what is to be done.
        values: pickled values, of items finished before as well; added to.
        exchange: takes the flags of all groups and gives those that rank 0 knows.
    """

    def __init__(
        self,
        line: Line,
        leaders: list[int],
        schedule: Schedule,
        values: dict[int, bytes],
        exchange: Callable[[int], int],
    ) -> None:
        self._line = line
        self._schedule = schedule
        self._exchange = exchange
        self._asking: list[int] = []
        self._staying = set(leaders)
        self._told = dict.fromkeys(leaders, 0)
        self._flags = self._spread = 0
        self._thread: threading.Thread | None = None
        self._cancelled = False
        self._error: BaseException | None = None
        self.values = values
        self.failed: dict[int, Failure] = {}
        self.broken = False

    def start(self) -> None:
        """Serve from a thread, where MPI allows it; else `attend` has to be called often."""
        if self._line.threads:
            self._thread = threading.Thread(target=self._serve, name="hybridq-share", daemon=True)
            self._thread.start()

    def attend(self) -> None:
        """Serve once where there is no thread, and raise what went wrong in it where there is one."""
        if self._thread is None:
            self._poll()
        elif self._error is not None:
            raise self._error

    def stop(self, cancel: bool) -> None:
        """Return when all leaders have left, or at once with `cancel`."""
        self._cancelled = cancel
        if self._thread is not None:
            self._thread.join()
        elif not cancel:
            self._serve()
        if self._error is not None and not cancel:
            raise self._error

    def _serve(self) -> None:
        try:
            pause = SHORTEST
            while not self._cancelled and self._staying:
                pause = SHORTEST if self._poll() else min(1.3 * pause, LONGEST)
                time.sleep(pause)
        except BaseException as error:
            self._error = error

    def _poll(self) -> bool:
        """Take in what has come, and answer; whether anything happened."""
        busy = self._listen()
        self._flags |= self._exchange(self._flags)
        lost = self._line.lost()
        self.broken = self.broken or bool(lost)
        self._staying -= lost
        ending = self.broken or self.failed or self._schedule.done
        for rank in [rank for rank in self._asking if rank in self._staying]:
            if ending:
                self._tell(rank, Order(self._flags, leave=True))
                self._staying.remove(rank)
            elif (item := self._schedule.take()) is not None:
                parent = self._schedule.after[item]
                self._tell(rank, Order(self._flags, item, None if parent is None else self.values[parent]))
            else:
                break
            self._asking.remove(rank)
            busy = True
        if self._flags & ~self._spread:
            self._spread = self._flags
            for rank in self._staying:
                if self._flags & ~self._told[rank]:
                    self._tell(rank, Order(self._flags))
        return busy

    def _listen(self) -> bool:
        # Where a rank died, MPI takes no more messages from just anyone: each of the others is asked.
        sources = [None] if not self.broken else sorted(self._staying)
        heard = False
        for source in sources:
            try:
                while (message := self._line.poll(source, ASK)) is not None:
                    self._take_in(message[0], pickle.loads(message[1]))
                    heard = True
            except Lost:
                self.broken = True
        return heard

    def _take_in(self, rank: int, report: Report) -> None:
        self._flags |= report.flags
        self._told[rank] |= report.flags
        if report.asks:
            self._asking.append(rank)
        if report.item is None:
            return
        if report.failure is not None:
            self.failed[report.item] = report.failure
        elif report.value is not None:
            self.values[report.item] = report.value
            self._schedule.finish(report.item)
        else:
            self.broken = True

    def _tell(self, rank: int, order: Order) -> None:
        self._told[rank] |= order.flags
        # Not waited for: the leader may be this very thread, a moment later.
        try:
            self._line.post(pickle.dumps(order, pickle.HIGHEST_PROTOCOL), rank, TELL)
        except Lost:
            self.broken = True
