"""Ctrl-C in the middle of a real run: the best point is reported and kept, and the same command goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

H6 = "; ".join(f"H 0 0 {k}" for k in range(6))
LONG = ("vqe", H6, "--basis", "sto-3g", "--optimizer", "COBYLA", "--optimizer-option", "tol=1e-12", "--json")


# Without a journal nothing tells from outside how far a run is, so this one counts its evaluations in a file.
COUNTS = """
import sys
from hybridq.cli.main import main
from hybridq.evaluate import Evaluator
call = Evaluator.followed
def counted(self, *arguments, **options):
    batch = call(self, *arguments, **options)
    with open("counted", "a") as file:
        file.write(".")
    return batch
Evaluator.followed = counted
sys.exit(main())
"""


def start(arguments, cwd, env, code=None):
    # A shell that runs this in the background may have told it to ignore Ctrl-C, which children inherit.
    return subprocess.Popen(
        [sys.executable, *(("-m", "hybridq") if code is None else ("-c", code)), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=env,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def evaluations(journal):
    if not journal.exists():
        return []
    lines = journal.read_text().split("\n")[:-1]
    return [record for record in map(json.loads, lines) if record.get("kind") == "evaluation"]


@pytest.fixture
def interrupted(tmp_path, environment):
    """A run folder, and what the process said when it was interrupted there."""
    journal = tmp_path / "h6.run" / "journal.jsonl"
    with start([*LONG, "--run", "h6.run"], tmp_path, environment()) as process:
        deadline = time.monotonic() + 60
        while len(evaluations(journal)) < 20:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err, journal


def test_ctrl_c_keeps_and_reports_the_best_point_and_the_run_goes_on(interrupted, tmp_path, environment):
    code, out, err, journal = interrupted
    assert code == 75
    assert err.count("\n") == 1
    assert "interrupted" in err
    assert "h6.run" in err
    assert "Traceback" not in err
    seen = evaluations(journal)
    best = min(min(record["energies"]) for record in seen)
    assert f"{best:.10f}" in err
    reported = json.loads(out)
    assert reported["energy"] == best
    assert not reported["converged"]
    assert reported["references"].keys() == {"hf", "ccsd", "casci"}
    kept = json.loads((journal.parent / "result.json").read_text())
    assert (kept["energy"], kept["reason"]) == (best, "interrupted")

    limit = str(len(seen) + 10)
    with start([*LONG, "--run", "h6.run", "--max-evaluations", limit], tmp_path, environment()) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    again = json.loads(out)
    assert again["replayed"] == len(seen)
    assert again["evaluations"] == len(seen) + 10
    assert again["energy"] <= best
    assert evaluations(journal)[: len(seen)] == seen


def test_ctrl_c_without_a_run_folder_reports_the_best_point_and_is_130(tmp_path, environment):
    counted = tmp_path / "counted"
    with start(LONG, tmp_path, environment(), COUNTS) as process:
        deadline = time.monotonic() + 60
        while not counted.exists() or counted.stat().st_size < 20:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("hybridq: interrupted")
    assert err.count("\n") == 1
    assert f"{json.loads(out)['energy']:.10f}" in err
    assert json.loads(out)["energy"] < -2.5
    assert list(tmp_path.iterdir()) == [counted]


@pytest.mark.parametrize(("journal", "expected"), [(False, 130), (True, 75)])
def test_ctrl_c_before_the_run_is_resumable_where_there_is_a_journal(command, tmp_path, monkeypatch, journal, expected):
    arguments = ("vqe", "H 0 0 0; H 0 0 1", "--basis", "sto-3g", "--run", str(tmp_path / "run"), "--json")
    if journal:
        assert command(*arguments).code == 0

    def pressed(asked):
        raise KeyboardInterrupt

    monkeypatch.setattr("hybridq.cli.vqe.any_problem", pressed)
    done = command(*arguments)
    assert (done.code, done.out) == (expected, "")
    assert done.err.startswith("hybridq: interrupted")
    assert done.err.count("\n") == 1
    assert ("goes on from there" in done.err) == journal
