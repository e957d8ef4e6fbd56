"""What may be worked on next: every order that a schedule allows is one that `after` allows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridq.comm.schedule import Schedule
from hybridq.contract.errors import InputError


@st.composite
def forests(draw):
    """Parents of up to 30 items: numbered so that a parent comes first, then renumbered at random."""
    n = draw(st.integers(0, 30))
    parents = [draw(st.none() | st.integers(0, k - 1)) if k else None for k in range(n)]
    names = draw(st.permutations(range(n)))
    after = [None] * n
    for k, parent in enumerate(parents):
        after[names[k]] = None if parent is None else names[parent]
    return after


@given(forests(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_items_worked_on_by_several_come_after_their_parents_and_all_come_once(after, workers, chance: random.Random):
    schedule = Schedule(len(after), after)
    busy: list[int] = []
    finished: list[int] = []
    while not schedule.done:
        while len(busy) < workers and (item := schedule.take()) is not None:
            assert after[item] is None or after[item] in finished
            waiting = [k for k in range(len(after)) if k not in finished and k not in busy and k < item]
            assert all(after[k] is not None and after[k] not in finished for k in waiting)
            busy.append(item)
        assert busy, "nothing may start, and something is left"
        item = busy.pop(chance.randrange(len(busy)))
        finished.append(item)
        schedule.finish(item)
    assert sorted(finished) == list(range(len(after)))
    assert schedule.take() is None


@given(forests(), st.data())
def test_what_is_finished_already_is_not_handed_out_again(after, data):
    first = Schedule(len(after), after)
    finished = set()
    for _ in range(data.draw(st.integers(0, len(after)))):
        item = first.take()
        first.finish(item)
        finished.add(item)
    rest = Schedule(len(after), after, finished)
    again = []
    while (item := rest.take()) is not None:
        again.append(item)
        rest.finish(item)
    assert rest.done
    assert sorted([*finished, *again]) == list(range(len(after)))


@given(forests().filter(lambda after: len(after) > 0), st.data())
def test_a_circle_is_found_wherever_it_is(after, data):
    start = data.draw(st.integers(0, len(after) - 1))
    root = start
    while after[root] is not None:
        root = after[root]
    after[root] = start
    with pytest.raises(InputError, match="in a circle"):
        Schedule(len(after), after)
