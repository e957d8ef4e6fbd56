"""The command under mpiexec: one report, one error, one exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec: python -m pip install mpi4py mpich"),
]

H4 = ("vqe", "H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "--basis", "sto-3g")
FAILS_ALONE = """
import sys
from hybridq.cli import ending, main, vqe
from hybridq.comm import world
from hybridq.contract.errors import BackendError

def run(asked):
    comm = world()
    if comm.rank == int(sys.argv[1]):
        raise BackendError("the tank is empty")
    comm.agree(1)  # the failed rank never comes here
    return 0

vqe.run, ending.ALONE_AFTER = run, 1.5
sys.exit(main.main(["vqe", "H 0 0 0"]))
"""


def launch(cwd, env, *arguments, n=2):
    """``mpiexec -n n python arguments``; a hang fails the test and leaves no process behind."""
    command = [MPIEXEC, "-n", str(n), sys.executable, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=env, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"hung\n{out[-2000:]}\n{err[-2000:]}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_two_ranks_print_exactly_one_json_object(tmp_path, environment, command):
    done = launch(tmp_path, environment(), "-m", "hybridq", *H4, "--json", "--run", "h4.run")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["provenance"]["ranks"] == 2
    assert result["energy"] == pytest.approx(command(*H4, "--json").json()["energy"], abs=1e-9)
    assert (tmp_path / "h4.run" / "result.json").exists()


def test_two_ranks_print_one_report(tmp_path, environment):
    done = launch(tmp_path, environment(), "-m", "hybridq", *H4)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("plan for") == 1
    assert done.stdout.count("hartree (converged") == 1


@pytest.mark.parametrize(
    "wrong", [("--basis", "sto-9z"), ("--bogus",), ("--circuit", "ucsd"), ("--run", "file"), ("--backend", "sektor")]
)
def test_an_error_that_all_ranks_meet_is_told_once(tmp_path, environment, wrong):
    (tmp_path / "file").write_text("in the way")
    done = launch(tmp_path, environment(), "-m", "hybridq", *H4, "--json", *wrong)
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines() if line.startswith("hybridq:")] == done.stderr.splitlines()[:1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("rank", ["0", "1"])
def test_an_error_on_one_rank_alone_is_told_once_and_ends_all(tmp_path, environment, rank):
    done = launch(tmp_path, environment(), "-c", FAILS_ALONE, rank)
    assert done.returncode != 0
    assert done.stderr.count("hybridq: the tank is empty") == 1
    assert ("(on rank 1)" in done.stderr) == (rank == "1")
    assert "Traceback" not in done.stderr


def test_ctrl_c_on_one_rank_keeps_the_best_point_and_ends_all(tmp_path, environment):
    long = ("vqe", "; ".join(f"H 0 0 {k}" for k in range(6)), "--basis", "sto-3g", "--optimizer", "COBYLA")
    arguments = [MPIEXEC, "-n", "2", sys.executable, "-m", "hybridq", *long, "--json", "--run", "h6.run"]
    journal = tmp_path / "h6.run" / "journal.jsonl"
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not journal.exists() or journal.read_text().count("\n") < 20:
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            owner = json.loads((journal.parent / "owner.json").read_text())["pid"]
            psutil.Process(owner).send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0
    assert err.count("hybridq: interrupted") == 1
    kept = json.loads((journal.parent / "result.json").read_text())
    assert kept["reason"] == "interrupted"
    assert json.loads(out)["energy"] == kept["energy"] < -3
