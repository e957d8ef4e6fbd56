"""Signals and wall time: the loop stops at the next safe point, says 75, and goes on with the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import cache

import pytest

import hybridq as hq
from hybridq.journal import read_journal


@cache
def chain(n: int) -> hq.Problem:
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {i}" for i in range(n)), "sto-3g")


SCRIPT = """
import sys, time, hybridq as hq
p = hq.Problem.from_fcidump(sys.argv[1])
pause = float(sys.argv[3])
vqe = hq.VQE(p, optimizer="COBYLA", max_iterations=60, run=sys.argv[2] or None, callbacks=[lambda s: time.sleep(pause)])
r = vqe.run()
print(r.energy.hex(), [x.hex() for x in r.parameters], r.replayed)
"""


class Runs:
    """Starts the script above in processes of its own."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "run.py").write_text(SCRIPT)
        chain(4).to_fcidump(folder / "h4.fcidump")

    def start(self, run, pause=0.0, **environment):
        return subprocess.Popen(
            [sys.executable, "run.py", "h4.fcidump", run, str(pause)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, **environment},
            # A shell that runs this in the background may have told it to ignore Ctrl-C, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def wait_for(self, process, run, lines):
        journal = self.folder / run / "journal.jsonl"
        deadline = time.monotonic() + 60
        while not journal.exists() or journal.read_bytes().count(b"\n") < lines:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def evaluations(folder):
    return [{k: v for k, v in r.items() if k != "seconds"} for r in read_journal(folder).of_kind("evaluation")]


@pytest.mark.parametrize(
    ("number", "word"),
    [(signal.SIGTERM, "stopped by SIGTERM"), (signal.SIGUSR1, "stopped by SIGUSR1"), (signal.SIGINT, "interrupted")],
)
def test_a_signal_ends_a_script_with_75_and_the_next_life_ends_as_the_unbroken_run(runs, number, word):
    whole, _ = runs.start("whole").communicate(timeout=120)
    victim = runs.start("cut", 0.02)
    runs.wait_for(victim, "cut", 15)
    victim.send_signal(number)
    out, err = victim.communicate(timeout=60)
    assert (victim.returncode, out) == (75, "")
    assert err.count("\n") == 1
    assert word in err
    assert "Traceback" not in err
    journal = read_journal(runs.folder / "cut" / "journal.jsonl")
    assert journal.records[-1]["kind"] == "end"
    assert not journal.records[-1]["finished"]
    kept = hq.VQEResult.from_json(runs.folder / "cut" / "result.json")
    assert f"{kept.energy:.10f}" in err
    assert not kept.converged
    again, err = runs.start("cut").communicate(timeout=120)
    assert again.split()[:-1] == whole.split()[:-1], err
    assert int(again.split()[-1]) == len(journal.of_kind("evaluation"))
    assert evaluations(runs.folder / "cut" / "journal.jsonl") == evaluations(runs.folder / "whole" / "journal.jsonl")


def test_a_signal_without_a_run_folder_is_130(runs):
    script = runs.folder / "run.py"
    script.write_text(SCRIPT.replace("time.sleep(pause)", "print('step', flush=True) or time.sleep(pause)"))
    victim = runs.start("", 0.3)
    assert victim.stdout.readline() == "step\n"
    victim.send_signal(signal.SIGTERM)
    _, err = victim.communicate(timeout=60)
    assert victim.returncode == 130, err
    assert "stopped by SIGTERM; the best energy so far is -" in err
    assert "goes on" not in err


def test_a_deadline_in_the_environment_stops_before_it(runs):
    victim = runs.start("cut", 0.3, HYBRIDQ_DEADLINE=str(time.time() + 5))
    _, err = victim.communicate(timeout=60)
    assert victim.returncode == 75, err
    assert "the wall time " in err


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_deadline_that_is_no_time_is_refused(monkeypatch, text):
    monkeypatch.setenv("HYBRIDQ_DEADLINE", text)
    with pytest.raises(hq.InputError, match="HYBRIDQ_DEADLINE must be a time in seconds since 1970"):
        hq.VQE(chain(2)).run()


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf")])
def test_a_wall_time_that_is_none_is_refused(seconds):
    with pytest.raises(hq.InputError, match="wall_time is in seconds and must be positive"):
        hq.VQE(chain(2), wall_time=seconds).run()


class Slow(hq.LocalBackend):
    """The sector engine, at a tenth of a second an evaluation."""

    name = "slow"

    def __init__(self, pause=0.1):
        super().__init__()
        self.inner, self.pause, self.rows = hq.backend("sector", threads=1), pause, 0

    @property
    def capabilities(self):
        return self.inner.capabilities

    def cost(self, tasks):
        return hq.Cost(self.pause, 0)

    def run(self, task):
        time.sleep(self.pause)
        self.rows += task.n_rows
        return self.inner.submit([task]).result()[0]


def test_a_wall_time_ends_the_run_in_time_and_resumable(tmp_path):
    with pytest.raises(hq.Interrupted) as stopped:
        hq.VQE(chain(4), backend=Slow(), optimizer="COBYLA", run=tmp_path / "run", wall_time=5.0).run()
    assert stopped.value.result.seconds["total"] < 5.0
    assert stopped.value.code == 75
    assert "the wall time " in stopped.value.reason
    assert stopped.value.result.evaluations > 3
    assert not stopped.value.result.converged


def test_a_wall_time_that_holds_no_evaluation_is_an_error_and_not_to_be_tried_again(tmp_path):
    backend = Slow(pause=30.0)
    with pytest.raises(
        hq.InputError, match=r"one evaluation takes about 30 s: nothing new was computed; give more time"
    ):
        hq.VQE(chain(4), backend=backend, run=tmp_path / "run", wall_time=5.0).run()
    assert backend.rows == 0


def test_a_second_life_too_short_for_one_evaluation_is_an_error_too(tmp_path):
    def vqe(wall_time):
        return hq.VQE(chain(4), backend=Slow(0.5), optimizer="COBYLA", run=tmp_path / "run", wall_time=wall_time)

    with pytest.raises(hq.Interrupted):
        vqe(4.0).run()
    with pytest.raises(hq.InputError, match="one evaluation takes about 0.5 s"):
        vqe(0.6).run()


def test_the_caller_may_stop_it_before_any_evaluation(tmp_path):
    reasons = iter([None, None, None, "the fridge is warm"])
    with pytest.raises(hq.Interrupted, match="the fridge is warm; the best energy so far is -") as stopped:
        hq.VQE(chain(4), optimizer="COBYLA", run=tmp_path / "run", stop=lambda: next(reasons)).run()
    assert stopped.value.result.evaluations == 3
    assert json.loads((tmp_path / "run" / "result.json").read_text())["reason"] == "the fridge is warm"


def test_a_handler_of_the_program_itself_stays_in_place():
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *arguments: seen.append(1))
    try:
        result = hq.VQE(chain(2), callbacks=[lambda step: os.kill(os.getpid(), signal.SIGUSR1)]).run()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert result.converged
    assert len(seen) == result.iterations


def test_between_steps_signals_are_the_programs_own():
    steps = hq.VQE(chain(4)).steps()
    next(steps)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    steps.close()


def test_after_a_stop_the_next_run_is_not_stopped():
    vqe = hq.VQE(chain(4), optimizer="COBYLA", callbacks=[lambda step: os.kill(os.getpid(), signal.SIGTERM)])
    with pytest.raises(hq.Interrupted, match="stopped by SIGTERM"):
        vqe.run()
    assert hq.VQE(chain(2)).run().converged
