"""The verbs at any number of ranks: ``mpiexec -n N python -m pytest tests/mpi -q``; every rank runs every test."""

from __future__ import annotations

import time

import numpy as np
import pytest

from hybridq.comm import world
from hybridq.contract.errors import BackendError, CapacityError, InputError, MPIError, RankError

comm = world()
last = comm.size - 1
parallel = pytest.mark.skipif(comm.size < 2, reason="needs two ranks")


class Odd(Exception):
    """Cannot be made from a message alone, and cannot be pickled."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")
        self.handle = lambda: None


def ranks_with(value):
    """What every rank holds, by hand: a row for each rank, filled in on its own rank."""
    return comm.map(lambda rows: np.full(len(rows), float(value)), np.arange(comm.size))


def test_rank_and_size_fit_together():
    assert 0 <= comm.rank < comm.size
    assert comm.is_root == (comm.rank == 0)
    assert 1 <= comm.local_size <= comm.size
    assert ranks_with(comm.rank).tolist() == list(range(comm.size))
    assert world() is world()


@pytest.mark.parametrize(
    "make",
    [
        lambda r: np.arange(6.0).reshape(2, 3) + r,
        lambda r: np.array(1.5 + r),
        lambda r: np.zeros((0, 4)) + r,
        lambda r: np.asfortranarray(np.arange(6).reshape(2, 3) + r),
        lambda r: np.array([1 + 2j, np.nan]) * (r + 1),
        lambda r: np.array([True, False]) ^ bool(r),
        lambda r: np.array(["text", r], dtype=object),
        lambda r: np.array([1, 2], dtype=">i4") + r,
    ],
)
def test_agree_gives_rank_0s_array_with_shape_and_type(make):
    expected = make(0)
    found = comm.agree(make(comm.rank))
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if expected.dtype.kind == "O":
        assert found.tolist() == expected.tolist()
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [None, 3, 2.5, float("inf"), "text", (1, [2, {"a": 3}]), {"rows": np.ones(2)}])
def test_agree_gives_rank_0s_object(value):
    found = comm.agree(value if comm.is_root else "another")
    assert repr(found) == repr(value)


@parallel
def test_agree_on_what_cannot_be_sent_is_an_input_error_everywhere():
    with pytest.raises(InputError, match="function cannot be sent"):
        comm.agree(lambda: None)


def test_a_large_array_arrives_whole():
    big = np.random.default_rng(1).normal(size=2_000_000)
    assert np.array_equal(comm.agree(big if comm.is_root else None), big)


def test_once_runs_on_rank_0_alone_and_all_get_its_value():
    calls = []
    value = comm.once(lambda: calls.append(1) or {"id": "job-7", "rank": comm.rank})
    assert value == {"id": "job-7", "rank": 0}
    assert len(calls) == (1 if comm.is_root else 0)


def test_once_waits_without_burning_the_processor():
    start = time.process_time()
    comm.once(lambda: time.sleep(0.5))
    assert time.process_time() - start < 0.3


@pytest.mark.parametrize("error", [InputError("no"), BackendError("busy", retryable=True), CapacityError("big")])
def test_a_hybridq_error_in_once_reaches_all_ranks_in_its_class(error):
    def fail():
        raise error

    with pytest.raises(type(error), match=str(error)) as caught:
        comm.once(fail)
    assert getattr(caught.value, "retryable", None) == getattr(error, "retryable", None)
    assert (caught.value is error) == comm.is_root
    if not comm.is_root:
        assert isinstance(caught.value.__cause__, RankError)
        assert "rank 0" in str(caught.value.__cause__)


@pytest.mark.parametrize("error", [ValueError("bad"), Odd(1, 2), KeyboardInterrupt(), SystemExit(3)])
def test_any_other_error_in_once_is_a_rank_error_elsewhere(error):
    def fail():
        raise error

    with pytest.raises(type(error) if comm.is_root else RankError) as caught:
        comm.once(fail)
    if not comm.is_root:
        assert f"rank 0 failed with {type(error).__qualname__}" in str(caught.value)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 17])
@pytest.mark.parametrize("columns", [(), (3,), (2, 2), (0,)])
def test_map_gives_the_whole_array_to_all_whatever_the_number_of_rows(n, columns):
    rows = np.random.default_rng(n).normal(size=(n, 4))
    blocks = []

    def fn(block):
        blocks.append(len(block))
        return np.sin(block.sum(axis=1)).reshape(-1, *(1,) * len(columns)) * np.ones(columns)

    found = comm.map(fn, rows)
    assert found.dtype == np.float64
    assert found.shape == ((n, *columns) if n else (0,))
    if n:
        np.testing.assert_array_equal(found, fn(rows))
        blocks.pop()
    shares = [n * (r + 1) // comm.size - n * r // comm.size for r in range(comm.size)]
    assert max(shares) - min(shares) <= 1
    assert blocks == ([shares[comm.rank]] if shares[comm.rank] else [])


def test_map_keeps_complex_numbers_and_makes_integers_float():
    rows = np.arange(7)
    np.testing.assert_array_equal(comm.map(lambda b: b * 1j, rows), rows * 1j)
    counted = comm.map(lambda b: b**2, rows)
    assert counted.dtype == np.float64
    np.testing.assert_array_equal(counted, rows**2)


@pytest.mark.parametrize("failing", ["first", "last", "all"])
def test_an_error_in_map_is_raised_on_all_ranks_and_the_lowest_rank_wins(failing):
    ranks = {"first": [0], "last": [last], "all": range(comm.size)}[failing]

    def fn(block):
        if comm.rank in ranks:
            raise ValueError(f"row {block[0]}")
        return block

    lowest = min(ranks)
    with pytest.raises(ValueError if comm.rank == lowest else RankError) as caught:
        comm.map(fn, np.arange(comm.size))
    expected = f"row {lowest}"
    if comm.rank != lowest:
        expected = f"rank {lowest} failed with ValueError: {expected}"
    assert str(caught.value) == expected


def test_a_hybridq_error_in_map_keeps_its_class_on_all_ranks():
    def fn(block):
        if comm.rank == last:
            raise CapacityError("4 GiB needed, 1 GiB there is")
        return block

    with pytest.raises(CapacityError, match="4 GiB needed"):
        comm.map(fn, np.arange(comm.size))


def test_work_goes_on_in_step_after_an_error():
    def fn(block):
        if comm.rank == last:
            raise OSError("disk")
        return block

    for _ in range(3):
        with pytest.raises((OSError, RankError)):
            comm.map(fn, np.arange(comm.size))
    assert comm.agree(comm.rank) == 0
    np.testing.assert_array_equal(comm.map(lambda b: b + 1, np.arange(9)), np.arange(9) + 1)


def test_results_that_do_not_fit_the_rows_are_refused():
    with pytest.raises(InputError, match="rows must match"):
        comm.map(lambda b: np.zeros(len(b) + 1), np.zeros((comm.size, 2)))
    with pytest.raises(InputError, match="rows must match"):
        comm.map(lambda b: 1.0, np.zeros((comm.size, 2)))
    with pytest.raises(InputError, match="needs numbers"):
        comm.map(lambda b: ["text"] * len(b), np.zeros((comm.size, 2)))
    with pytest.raises(InputError, match="array of rows"):
        comm.map(lambda b: b, 3.0)


@parallel
def test_results_of_different_shapes_from_different_ranks_are_refused():
    with pytest.raises(InputError, match="different shapes"):
        comm.map(lambda b: np.zeros((len(b), 1 + (comm.rank == last))), np.zeros((comm.size, 2)))


@parallel
def test_rows_that_differ_between_ranks_are_refused():
    with pytest.raises(MPIError, match="other rows on ranks"):
        comm.map(lambda b: b[:, 0], np.full((comm.size, 2), float(comm.rank)))


@pytest.mark.parametrize("per_group", range(1, comm.size + 1))
def test_split_makes_groups_of_neighbours_that_work_alone(per_group):
    group = comm.split(per_group)
    assert group.size >= per_group
    assert group.local_size == comm.local_size
    members = group.map(lambda b: np.full(len(b), float(comm.rank)), np.arange(group.size))
    assert members.tolist() == list(range(int(members[0]), int(members[0]) + group.size))
    leaders = ranks_with(members[0])
    assert len(set(leaders)) == comm.size // per_group
    if group.rank == 0:
        assert group.agree("mine") == "mine"
    else:
        assert group.agree("other") == "mine"


@pytest.mark.parametrize("per_group", [0, -1, comm.size + 1])
def test_split_into_impossible_groups_is_refused(per_group):
    with pytest.raises(InputError, match="cannot split"):
        comm.split(per_group)


def test_barrier_waits_for_the_slowest():
    start = time.monotonic()
    if comm.rank == last:
        time.sleep(0.2)
    comm.barrier()
    assert time.monotonic() - start >= 0.19


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5, 3000])
def test_map_once_is_map_and_then_once(n, dynamic):
    calls = []

    def then(values):
        calls.append(comm.rank)
        return values.sum(), "text", values[:2]

    rows = np.arange(2.0 * n).reshape(n, 2)
    values, (total, text, begin) = comm.map_once(np.sin, rows, then, dynamic=dynamic)
    expected = np.sin(rows) if n else np.zeros(0)
    assert np.array_equal(values, expected)
    assert (total, text) == (expected.sum(), "text")
    assert np.array_equal(begin, expected[:2])
    assert calls == ([0] if comm.is_root else [])


def test_map_once_gives_a_large_value_to_all():
    _, large = comm.map_once(np.sin, np.arange(4.0), lambda values: np.arange(100_000) + values[0])
    assert np.array_equal(large, np.arange(100_000))


@pytest.mark.parametrize("error", [BackendError("no luck"), Odd(1, 2), KeyError("k")])
def test_an_error_after_a_map_is_raised_everywhere(error):
    def then(values):
        raise error

    kind = type(error) if comm.is_root or isinstance(error, BackendError) else RankError
    with pytest.raises(kind) as caught:
        comm.map_once(np.sin, np.arange(4.0), then)
    assert (caught.value is error) == comm.is_root
    assert comm.once(lambda: 7) == 7


def test_what_follows_a_map_that_failed_is_not_done():
    called = []

    def work(rows):
        raise BackendError("no rows")

    with pytest.raises(BackendError, match="no rows"):
        comm.map_once(work, np.arange(float(comm.size)), called.append)
    assert called == []


@parallel
def test_what_cannot_be_sent_after_a_map_is_an_input_error_everywhere():
    with pytest.raises(InputError, match="function cannot be sent"):
        comm.map_once(np.sin, np.arange(4.0), lambda values: lambda: None)
