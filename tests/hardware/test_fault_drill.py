"""A sample of the fault drill: real processes, killed and resumed, against a vendor that fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import fault_drill

pytestmark = pytest.mark.slow


def test_runs_through_faults_and_kills_end_with_the_same_bits_and_pay_for_nothing_twice(tmp_path):
    made = fault_drill.drill(tmp_path, sequences=2, workers=2, seed=7)
    assert [one.wrong for one in made] == [[]] * 2
    assert all(one.jobs > one.unpaid for one in made)
    assert sum(one.kills for one in made) >= 1
