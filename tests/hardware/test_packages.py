"""Runs become jobs as large as the vendor takes, the same ones in every life of a run."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hybridq.hardware import Limits, Run
from hybridq.hardware.packages import LEVELS, levelled, packages

SHOTS = st.lists(st.integers(1, 20_000), min_size=1, max_size=40)
LIMITS = st.builds(
    Limits, circuits=st.none() | st.integers(1, 10), shots=st.none() | st.integers(100, 5000), same_shots=st.booleans()
)


def runs_of(shots):
    return [Run("program", np.zeros(0), number) for number in shots]


@given(SHOTS, LIMITS)
def test_every_shot_of_every_run_is_in_exactly_one_package(shots, limits):
    made = packages(runs_of(shots), limits, "tag")
    total = np.zeros(len(shots), dtype=int)
    for package in made:
        for piece in package.pieces:
            total[piece.run] += piece.shots
    assert total.tolist() == shots


@given(SHOTS, LIMITS)
def test_no_package_is_larger_than_the_vendor_takes(shots, limits):
    for package in packages(runs_of(shots), limits, "tag"):
        sizes = [piece.shots for piece in package.pieces]
        assert limits.circuits is None or len(sizes) <= limits.circuits
        assert limits.shots is None or max(sizes) <= limits.shots
        assert min(sizes) >= 1
        assert not limits.same_shots or len(set(sizes)) == 1


@given(SHOTS, LIMITS)
def test_the_same_runs_give_the_same_packages_and_no_two_share_a_mark(shots, limits):
    made = packages(runs_of(shots), limits, "tag")
    assert made == packages(runs_of(shots), limits, "tag")
    other = packages(runs_of(shots), limits, "another evaluation")
    marks = [package.mark for package in (*made, *other)]
    assert len(set(marks)) == len(marks)


@given(SHOTS)
def test_one_number_of_shots_a_job_needs_few_jobs_and_never_more_shots(shots):
    level = levelled(shots, Limits(same_shots=True))
    assert len(set(level)) <= max(LEVELS, 1)
    assert sum(level) <= sum(shots)
    assert min(level) >= min(shots)
    assert levelled(shots, Limits(same_shots=False)) == shots


def test_equal_programs_stand_together_in_a_fixed_order():
    programs = [object(), object()]
    runs = [Run(programs[k % 2], np.zeros(0), 10) for k in range(6)]
    (package,) = packages(runs, Limits(), "tag")
    assert [piece.run for piece in package.pieces] == [0, 2, 4, 1, 3, 5]
