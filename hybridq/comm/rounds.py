"""share, as each rank goes through it: take an item with the group, work, report; then all values to all ranks."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.comm.failures import Failure
from hybridq.comm.mapping import row_counts
from hybridq.comm.schedule import Schedule
from hybridq.comm.sharing import Leader, Order, Report, Server
from hybridq.comm.survival import Lost
from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from hybridq.comm.communicator import Comm


def share_round(
    comm: Comm,
    fn: Callable[[int, Any, Comm], Any],
    order: tuple[int | None, ...],
    values: dict[int, bytes],
    own: dict[int, BaseException],
    ranks_per_group: int,
) -> Server | None:
    """Hand out all items that have no value yet; ends early after a failure or a loss. Rank 0's server."""
    group, line = comm._for_sharing(ranks_per_group)
    server: Server | None = None
    leader: Leader | None = None
    if comm.is_root:
        counts = row_counts(comm._size, comm._size, min(ranks_per_group, comm._size))
        schedule = Schedule(len(order), order, set(values))
        server = Server(line, np.flatnonzero(counts).tolist(), schedule, values, comm._heard)
        server.start()
    if group.is_root:
        leader = Leader(line, lambda: group._raised.bits | group._flags, None if server is None else server.attend)
        group._listen = leader.exchange
    orderly = False
    try:
        _serve_items(comm, fn, group, leader, own)
        orderly = True
    finally:
        group._listen = None
        if server is not None:
            server.stop(cancel=not orderly)
    return server


def _serve_items(
    comm: Comm,
    fn: Callable[[int, Any, Comm], Any],
    group: Comm,
    leader: Leader | None,
    own: dict[int, BaseException],
) -> None:
    report = Report(0, asks=True)
    order: Order | None = None
    while True:
        if leader is not None:
            try:
                order = leader.next(report)
            except Lost:
                order = Order(0, leave=True)  # rank 0 is gone; the group must hear of it
        try:
            order = group.agree(order)
            assert order is not None
            if order.leave:
                return
            assert order.item is not None
            value, failure = _do_item(comm, fn, order, group, own, leader is not None)
            report = Report(group._flags, order.item, value, failure, asks=True)
        except Lost:
            if leader is None or order is None or order.leave:
                return
            report = Report(group._flags, order.item, asks=True)  # given back


def _do_item(
    comm: Comm,
    fn: Callable[[int, Any, Comm], Any],
    order: Order,
    group: Comm,
    own: dict[int, BaseException],
    leads: bool,
) -> tuple[bytes | None, Failure | None]:
    """An item's pickled value on the leader, or why there is none."""
    assert order.item is not None
    value: Any = None
    data: bytes | None = None
    mine: BaseException | None = None
    try:
        value = fn(order.item, None if order.given is None else pickle.loads(order.given), group)
        if leads:
            try:
                data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
            except Exception as error:
                text = f"the value of item {order.item}, a {type(value).__name__}, cannot be sent to the other ranks"
                raise InputError(f"{text}: {error}") from None
    except BaseException as error:
        mine = own[order.item] = error
    failure = group._end_item(mine, comm._rank)
    return (data if failure is None else None), failure


def end_of_round(comm: Comm, server: Server | None) -> Any:
    """All values, pickled, or the failure of the lowest item with its number; on all ranks."""
    outcome: Any = None
    if server is not None:
        if server.failed:
            item = min(server.failed)
            outcome = (item, server.failed[item])
        elif server.broken:
            raise Lost
        else:
            outcome = [server.values[item] for item in sorted(server.values)]
    return comm._from_root("share", outcome, None)
