"""share, dynamic map, groups and flags: ``mpiexec -n N python -m pytest tests/mpi -q``; every rank runs every test."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import numpy as np
import pytest

from hybridq.comm import world
from hybridq.contract.errors import BackendError, CapacityError, InputError, MPIError, RankError
from hybridq.loops.stopping import Interrupted

comm = world()
last = comm.size - 1
parallel = pytest.mark.skipif(comm.size < 2, reason="needs two ranks")
groups = pytest.mark.parametrize("per_group", range(1, comm.size + 1))


def path(item, given, group):
    """The items that led to this one, this one last."""
    return [*(given or []), item]


def expected_path(item, after):
    return [item] if after[item] is None else [*expected_path(after[item], after), item]


def leaders(per_group):
    """The number of groups."""
    return comm.size // per_group


@groups
@pytest.mark.parametrize("n", [0, 1, 2, 5, 17])
def test_values_come_in_order_to_all_ranks_whatever_the_number_of_items(n, per_group):
    values = comm.share(lambda item, given, group: (item**2, given), n, ranks_per_group=per_group)
    assert values == [(item**2, None) for item in range(n)]


@groups
@pytest.mark.parametrize(
    "after",
    [
        [None, 0, 1, 2, 3, 4],
        [1, 2, 3, 4, 5, None],
        [None, 0, 0, 1, 1, 2, 2],
        [None, None, 0, 1, 2, 3, None, 6, 7],
        [4, None, 1, 1, None, 4, 0, 0],
    ],
    ids=["chain", "chain backwards", "tree", "forest", "mixed"],
)
def test_an_item_starts_after_the_one_it_waits_for_and_is_given_its_value(after, per_group):
    found = comm.share(path, len(after), after=after, ranks_per_group=per_group)
    assert found == [expected_path(item, after) for item in range(len(after))]


def test_the_lowest_item_that_may_start_is_handed_out_first():
    order = []
    after = [3, None, None, 2, 1]
    begun = comm.share(
        lambda item, given, group: (order.append(item), time.sleep(0.03), time.monotonic())[2], 6 * comm.size
    )
    # Ranks that ask at the same time may begin in either order.
    for place, item in enumerate(np.argsort(begun)):
        assert abs(place - item) < comm.size
    assert order == sorted(order)
    if comm.size == 1:
        order.clear()
        comm.share(lambda item, given, group: order.append(item), 5, after=after)
        assert order == [1, 2, 3, 0, 4]


@groups
def test_every_rank_of_a_group_works_on_the_item_and_rank_0s_value_counts(per_group):
    seen = []

    def fn(item, given, group):
        seen.append(item)
        members = group.map(lambda rows: np.full(len(rows), float(comm.rank)), np.arange(group.size))
        assert group.size >= per_group
        assert group is comm.group(per_group)
        return (group.rank, members.tolist())

    values = comm.share(fn, 6, ranks_per_group=per_group)
    for who, members in values:
        assert who == 0
        assert members == [members[0] + k for k in range(len(members))]
    worked = comm.map(lambda rows: np.full(len(rows), float(len(seen))), np.arange(comm.size))
    sizes = comm.map(lambda rows: np.full(len(rows), 1 / comm.group(per_group).size), np.arange(comm.size))
    assert round((worked * sizes).sum()) == 6


@parallel
def test_ranks_that_are_done_early_take_more_items():
    done = []

    def fn(item, given, group):
        done.append(item)
        time.sleep(0.6 if item == 0 else 0.02)
        return comm.rank

    began = time.monotonic()
    who = comm.share(fn, 1 + 8 * last)
    assert time.monotonic() - began < 0.6 + 8 * 0.02 + 0.6  # far below the sum, which is 1.1 s or more a rank
    assert who.count(who[0]) <= 3
    assert len(done) == who.count(comm.rank)


@parallel
def test_a_long_item_of_rank_0_starves_no_other_rank():
    def fn(item, given, group):
        if comm.rank == 0:
            time.sleep(0.5)
        return comm.rank, time.monotonic()

    values = comm.share(fn, 20 * comm.size)
    assert sum(rank == 0 for rank, _ in values) <= 3
    others = sorted(moment for rank, moment in values if rank != 0)
    assert max(np.diff(others), default=0.0) < 0.35


@parallel
def test_waiting_for_others_leaves_the_processor_alone():
    def fn(item, given, group):
        if item == 0:
            time.sleep(0.6)

    began = time.process_time()
    comm.share(fn, 2, after=[None, 0])
    assert time.process_time() - began < 0.3


@groups
def test_large_arrays_and_objects_travel_as_they_are(per_group):
    def fn(item, given, group):
        big = np.random.default_rng(item).normal(size=300_000)
        return {"item": item, "values": big + (0 if given is None else given["values"])}

    found = comm.share(fn, 4, after=[None, 0, 1, None], ranks_per_group=per_group)
    expected = [np.random.default_rng(k).normal(size=300_000) for k in range(4)]
    np.testing.assert_array_equal(found[2]["values"], expected[2] + (expected[1] + expected[0]))
    np.testing.assert_array_equal(found[3]["values"], expected[3])
    assert [value["item"] for value in found] == [0, 1, 2, 3]


@groups
def test_all_verbs_can_be_used_inside_an_item(per_group):
    def inner(item, given, group):
        return [item, group.agree(group.rank), given]

    def fn(item, given, group):
        return (
            group.agree(group.rank),
            group.once(lambda: group.rank + item),
            float(group.map(lambda rows: rows * 2.0, np.arange(5)).sum()),
            float(group.map(lambda rows: rows * 2.0, np.arange(5), dynamic=True).sum()),
            group.share(inner, 3, after=[None, 0, 1]),
            group.split(1).size,
        )

    nested = [[0, 0, None], [1, 0, [0, 0, None]], [2, 0, [1, 0, [0, 0, None]]]]
    values = comm.share(fn, 5, ranks_per_group=per_group)
    assert values == [(0, item, 20.0, 20.0, nested, 1) for item in range(5)]


@groups
@pytest.mark.parametrize("failing", ["first", "last", "all"])
def test_an_error_in_an_item_is_raised_on_all_ranks_and_the_lowest_item_wins(failing, per_group):
    n = leaders(per_group)
    items = {"first": [0], "last": [n - 1], "all": range(n)}[failing]
    raised = []

    def fn(item, given, group):
        # Only the last rank of the group: its others must hear of it all the same.
        if item in items and group.rank == group.size - 1:
            raised.append(item)
            if n > 1:
                time.sleep(0.1)
            raise ValueError(f"item {item}")
        if n > 1:
            time.sleep(0.1)  # so that every group has one

    with pytest.raises((ValueError, RankError)) as caught:
        comm.share(fn, n, ranks_per_group=per_group)
    lowest = min(items)
    assert isinstance(caught.value, ValueError) == (lowest in raised)
    assert str(caught.value).endswith(f"item {lowest}")


@groups
@pytest.mark.parametrize("error", [BackendError("busy", retryable=True), CapacityError("4 GiB needed")])
def test_an_error_of_hybridq_in_an_item_keeps_its_class_and_attributes(error, per_group):
    def fn(item, given, group):
        if item == 1:
            raise error

    with pytest.raises(type(error), match=str(error)) as caught:
        comm.share(fn, 4, ranks_per_group=per_group)
    assert getattr(caught.value, "retryable", None) == getattr(error, "retryable", None)


@groups
def test_a_graceful_stop_in_one_group_ends_all_ranks_in_the_same_class(per_group):
    class Handle:
        def __reduce__(self):
            raise TypeError("stays here")

    def fn(item, given, group):
        if item == 1:
            stop = Interrupted("stopped by SIGTERM", result={"energy": -1.0}, run="n2.run")
            stop.handle = Handle()
            raise stop

    with pytest.raises(Interrupted, match="stopped by SIGTERM") as caught:
        comm.share(fn, 5, ranks_per_group=per_group)
    assert caught.value.code == 75
    assert caught.value.result == {"energy": -1.0}
    assert caught.value.handle is None or isinstance(caught.value.handle, Handle)


@groups
def test_nothing_is_handed_out_after_an_error_and_work_goes_on_in_step(per_group):
    begun = []

    def fn(item, given, group):
        begun.append(item)
        if item == 0:
            raise OSError("disk")
        time.sleep(0.05)

    for _ in range(3):
        with pytest.raises((OSError, RankError), match="disk"):
            comm.share(fn, 1000, ranks_per_group=per_group)
    assert len(begun) < 100
    assert comm.agree(comm.rank) == 0
    assert comm.share(path, 3, after=[None, 0, 1], ranks_per_group=per_group)[2] == [0, 1, 2]


@pytest.mark.skipif(comm.size < 2, reason="needs a group of two")
def test_a_rank_that_fails_while_its_group_is_in_a_verb_ends_the_item_for_all():
    def fn(item, given, group):
        if group.rank == 1:
            raise ValueError("alone")
        group.agree(1)
        return group.once(lambda: 2)

    for _ in range(2):
        with pytest.raises((ValueError, RankError), match="alone"):
            comm.share(fn, 3, ranks_per_group=2)
    assert comm.share(path, 2, ranks_per_group=2) == [[0], [1]]


@parallel
def test_a_value_that_cannot_be_sent_is_an_input_error_everywhere():
    with pytest.raises(InputError, match="value of item 0, a function, cannot be sent"):
        comm.share(lambda item, given, group: lambda: None, 1)


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (-1, {}, "number of items"),
        (2.5, {}, "whole number, got 2.5"),
        (2, {"after": [None]}, "1 entries for 2 items"),
        (2, {"after": [None, 2]}, "items are 0 to 1"),
        (3, {"after": [1, 2, 0]}, "in a circle"),
        (1, {"after": [0]}, "in a circle"),
        (2, {"ranks_per_group": 0}, "cannot split"),
        (2, {"ranks_per_group": comm.size + 1}, "cannot split"),
    ],
)
def test_items_that_make_no_sense_are_refused(n, options, message):
    with pytest.raises(InputError, match=message):
        comm.share(path, n, **options)


@parallel
def test_ranks_that_call_different_verbs_are_told_so():
    with pytest.raises(MPIError, match=r"out of step: some are in agree, others in .*barrier"):
        comm.agree(1) if comm.is_root else comm.barrier()
    assert comm.agree(comm.rank) == 0


@groups
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("n", [0, 1, 3, 11])
def test_map_in_groups_or_one_by_one_gives_the_same_bits(n, dynamic, per_group):
    rows = np.random.default_rng(n).normal(size=(n, 3))

    def fn(block):
        if per_group > 1:
            comm.group(per_group).barrier()
        return np.array([[np.sin(row).sum(), np.prod(row)] for row in block])

    found = comm.map(fn, rows, dynamic=dynamic, ranks_per_group=per_group)
    if n == 0:
        assert found.shape == (0,)
    else:
        expected = np.array([[np.sin(row).sum(), np.prod(row)] for row in rows])
        assert found.tobytes() == expected.tobytes()
        found += 1.0  # the caller's own


def test_a_large_map_gives_the_same_bits_as_a_small_one():
    rows = np.arange(7.0)[:, None] + np.arange(5000.0)
    np.testing.assert_array_equal(comm.map(lambda block: np.sqrt(block), rows), np.sqrt(rows))
    mixed = comm.map(lambda block: block * (1j if block[0, 0] == 0 else 1.0), rows)
    assert mixed.dtype == np.complex128
    assert mixed[0, 1] == 1j


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_map_in_groups_or_one_by_one_raises_on_all_ranks(dynamic):
    def fn(block):
        if 2.0 in block:
            raise CapacityError("row 2 is too big")
        return block

    for per_group in range(1, comm.size + 1):
        with pytest.raises(CapacityError, match="row 2"):
            comm.map(fn, np.arange(4.0), dynamic=dynamic, ranks_per_group=per_group)
    with pytest.raises(InputError, match="rows must match"):
        comm.map(lambda block: np.zeros(3), np.arange(4.0), dynamic=True)
    with pytest.raises(InputError, match="different shapes"):
        comm.map(lambda block: np.zeros((1, 1 + int(block[0]))), np.arange(4.0), dynamic=True)


@parallel
def test_a_map_one_by_one_refuses_rows_that_differ_between_ranks():
    with pytest.raises(MPIError, match="other rows on ranks"):
        comm.map(lambda block: block, np.full(3, float(comm.rank)), dynamic=True)


@parallel
def test_uneven_rows_take_less_time_one_by_one_and_the_imbalance_says_by_how_much():
    rows = np.arange(4.0 * comm.size)

    def fn(block):
        time.sleep(0.2 * sum(row < 2 for row in block) + 0.01 * len(block))
        return block

    comm.map(fn, rows)
    uneven = comm.imbalance
    assert uneven == comm.agree(uneven)
    assert uneven.slowest >= 0.4
    assert uneven.excess >= 0.15
    comm.map(lambda block: block, rows)
    assert comm.imbalance.excess < 0.1
    began = time.monotonic()
    comm.map(fn, rows, dynamic=True)
    assert time.monotonic() - began < 0.4  # the two long rows go to two ranks


def test_a_flag_on_one_rank_is_known_to_all_after_the_next_verb():
    comm.clear_flags()
    comm.barrier()
    assert comm.flags == 0
    if comm.rank == last:
        comm.raise_flag(4)
    comm.once(lambda: None)
    assert comm.flags == 4
    comm.raise_flag(1 << comm.rank)
    comm.agree(1)
    assert comm.flags == 4 | ((1 << comm.size) - 1)
    comm.barrier()
    comm.clear_flags()
    comm.map(lambda block: block, np.arange(3))
    assert comm.flags == 0


@contextlib.contextmanager
def handler(bit):
    usual = signal.signal(signal.SIGUSR1, lambda number, frame: comm.raise_flag(bit))
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, usual)
        comm.barrier()
        comm.clear_flags()


def test_a_signal_that_reaches_one_rank_while_it_waits_stops_all():
    with handler(2):
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
        if comm.rank == last:
            timer.start()
        comm.once(lambda: time.sleep(0.5))
        comm.once(lambda: None)
        assert comm.flags == 2


@groups
def test_a_signal_in_one_group_of_share_reaches_all_groups_within_a_second(per_group):
    n = leaders(per_group)

    def fn(item, given, group):
        began = time.monotonic()
        if item == n - 1 and group.rank == group.size - 1:
            os.kill(os.getpid(), signal.SIGUSR1)
        while not group.flags and time.monotonic() - began < 5:
            group.once(lambda: time.sleep(0.02))
        return group.flags, time.monotonic() - began

    with handler(2):
        values = comm.share(fn, n, ranks_per_group=per_group)
        assert [flags for flags, _ in values] == [2] * n
        assert max(seconds for _, seconds in values) < 1.5
        assert comm.flags == 2


def test_a_flag_raised_before_share_is_known_in_every_item():
    try:
        if comm.rank == last:
            comm.raise_flag(8)
        comm.barrier()
        assert set(comm.share(lambda item, given, group: group.flags, 3 * comm.size)) == {8}
    finally:
        comm.barrier()
        comm.clear_flags()
