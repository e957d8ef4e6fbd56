"""A sample of the kill drill: real runs under mpiexec, killed by SIGKILL at random instants, and gone on with."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import kill_drill

BESIDE = Path(sys.executable).with_name("mpiexec")
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.slow,
    pytest.mark.skipif(not BESIDE.exists() and shutil.which("mpiexec") is None, reason="no mpiexec"),
]


@pytest.mark.parametrize(("cases", "ranks"), [(["SPSA", "COBYLA", "ADAPT"], [1, 2, 3]), (["DE", "L-BFGS-B"], [2])])
def test_runs_killed_at_random_instants_end_as_the_unbroken_run_and_evaluate_nothing_twice(tmp_path, cases, ranks):
    made = kill_drill.drill(tmp_path, 10, ranks, cases, seed=11)
    assert made.wrong == []
    assert len(made.kills) >= 10
    assert made.finished >= 1
    assert made.rows <= made.recorded_rows + sum(kill.rows_in_flight for kill in made.kills)
    assert any(kill.phase == "evaluating" for kill in made.kills)


def test_the_drill_notices_what_was_computed_twice_or_not_at_all(tmp_path):
    made = kill_drill.Drill(tmp_path, [1], 3)
    state, rows, _ = made.whole("L-BFGS-B")
    nothing = kill_drill.State(tmp_path / "nowhere")
    assert kill_drill.twice(nothing, state, rows, rows) == []
    again = {**rows, 1: rows[1] + rows[1]}
    assert "evaluation 1 is recorded" in kill_drill.twice(nothing, state, again, rows)[0]
    assert "computed by a life that began with" in kill_drill.twice(state, state, {0: rows[0]}, rows)[0]
    less = {number: some for number, some in rows.items() if number != 2}
    assert "evaluation 2 is recorded" in kill_drill.twice(nothing, state, less, rows)[0]
