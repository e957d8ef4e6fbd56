"""Jobs that outlive their process: the id is recorded before anyone waits, and a job is submitted once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from durable import Remote

import hybridq as hq
from hybridq.journal import read_journal

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import hybridq as hq
from durable import Remote
p = hq.Problem.from_fcidump(sys.argv[2])
r = hq.VQE(p, backend=Remote(sys.argv[3], float(sys.argv[4])), max_evaluations=4, run=sys.argv[5]).run()
print(r.energy.hex(), r.evaluations)
"""


@cache
def h2() -> hq.Problem:
    return hq.Problem.from_xyz("H 0 0 0; H 0 0 1", "sto-3g")


@pytest.fixture
def start(tmp_path):
    h2().to_fcidump(tmp_path / "h2.fcidump")

    def run(pause):
        arguments = [str(Path(__file__).parent), str(tmp_path / "h2.fcidump"), str(tmp_path / "jobs"), str(pause)]
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments, str(tmp_path / "run")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def records(tmp_path, kind):
    file = tmp_path / "run" / "journal.jsonl"
    return read_journal(file).of_kind(kind) if file.exists() and file.stat().st_size else []


def wait_for_a_job(tmp_path, process):
    deadline = time.monotonic() + 60
    while not records(tmp_path, "job"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_that_was_awaited_when_the_process_died_is_found_again_and_not_submitted_twice(tmp_path, start, number):
    process = start(3.0)
    wait_for_a_job(tmp_path, process)
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    if number == signal.SIGTERM:
        assert process.returncode == 75, err
        assert "stopped by SIGTERM while job job-" in err
        assert time.monotonic() - began < 3
    assert records(tmp_path, "evaluation") == []
    waiting = records(tmp_path, "job")[0]["id"]
    out, err = start(0.0).communicate(timeout=120)
    assert out, err
    evaluations = records(tmp_path, "evaluation")
    assert evaluations[0]["jobs"] == [waiting]
    assert [r["id"] for r in records(tmp_path, "job")] == [r["jobs"][0] for r in evaluations]
    assert Remote(tmp_path / "jobs").submitted == len(evaluations) == int(out.split()[1])
    assert float.fromhex(out.split()[0]) == hq.VQE(h2(), max_evaluations=4).run().energy


@pytest.mark.parametrize("lost", ["gone", "cancelled"])
def test_a_job_that_is_gone_or_was_cancelled_meanwhile_is_submitted_anew(tmp_path, start, lost):
    process = start(60.0)
    wait_for_a_job(tmp_path, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    waiting = records(tmp_path, "job")[0]["id"]
    folder = tmp_path / "jobs" / waiting
    if lost == "gone":
        folder.rename(tmp_path / "elsewhere")
    else:
        Remote(tmp_path / "jobs").job(waiting).cancel()
    out, err = start(0.0).communicate(timeout=120)
    assert out, err
    assert records(tmp_path, "evaluation")[0]["jobs"] != [waiting]


def test_a_job_is_on_disk_before_it_is_awaited(tmp_path):
    seen = []

    class Watching(Remote):
        def submit(self, tasks):
            job = super().submit(tasks)
            wait = job.result

            def result(timeout=None):
                seen.append([r["id"] for r in records(tmp_path, "job")][-1] == job.id)
                return wait(timeout)

            job.result = result
            return job

    hq.VQE(h2(), backend=Watching(tmp_path / "jobs"), max_evaluations=2, run=tmp_path / "run").run()
    assert seen
    assert all(seen)
