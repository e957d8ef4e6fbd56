"""The Slurm script on a real Slurm of one node: launched, signalled, requeued, resumed, cancelled, robbed of a rank.

A cluster that answers is used. Else one is started here, with daemons, ports and folders of its own; that takes
Slurm's programs (Debian: slurm-wlm, munge) and root.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

import hybridq as hq
from hybridq.cli.main import main

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "sinfo")
H6 = "; ".join(f"H 0 0 {k}" for k in range(6))
VQE = (sys.executable, "-m", "hybridq", "vqe", "h6.fcidump", "--optimizer", "COBYLA", "--quiet")
LONG = ("--optimizer-option", "tol=1e-14", "--max-evaluations", "100000")

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

CONF = """\
ClusterName=hybridq
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={slurmd}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
FirstJobId={first}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=2
ReturnToService=2
KillWait=5
MpiDefault=pmi2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def cluster():
    """The environment in which Slurm's commands answer."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "SLURM_TIME_FORMAT": "standard"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"], "/usr/sbin"])
    if shutil.which("sinfo") and subprocess.run(["sinfo", "-h"], capture_output=True, timeout=60).returncode == 0:
        yield env
        return
    missing = [name for name in PROGRAMS if shutil.which(name, path=env["PATH"]) is None]
    if missing:
        pytest.skip(f"no Slurm here: {', '.join(missing)} not found (Debian: apt-get install slurm-wlm munge)")
    if os.geteuid() != 0:
        pytest.skip("no Slurm answers, and to start one takes root")
    with contextlib.ExitStack() as stack:
        # A short path: munge's socket takes no more than 108 letters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(64))
        key.chmod(0o400)
        host = socket.gethostname().split(".")[0]
        # MPICH names shared memory for job and step: another cluster's leftovers must not be met.
        numbers = {"first": 1 + int(time.time()) % 60_000_000, "ctld": free_port(), "slurmd": free_port()}
        conf = CONF.format(host=host, folder=folder, **numbers)
        (folder / "slurm.conf").write_text(conf)
        env["SLURM_CONF"] = str(folder / "slurm.conf")

        def daemon(*command):
            with open(folder / f"{command[0]}.out", "w") as out:
                process = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
            stack.callback(end, process)

        files = [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "pid", "log", "seed")]
        daemon("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files)
        until(lambda: (folder / "munge.socket").exists(), 30, "munged did not start")
        daemon("slurmctld", "-D")
        daemon("slurmd", "-D")
        stack.callback(lambda: subprocess.run(["scancel", "--user=root"], env=env, timeout=60))
        until(lambda: "idle" in ask(env, "sinfo", "-h", "-o", "%T"), 60, "the node did not come up")
        yield env
        subprocess.run(["scancel", "--user=root"], env=env, timeout=60)
        with contextlib.suppress(AssertionError):
            until(lambda: ask(env, "squeue", "-h") == "", 30, "jobs did not end")


def end(process):
    """Stop a daemon and whatever it started."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def ask(env, *command):
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60).stdout.strip()


def until(condition, seconds, complaint):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint() if callable(complaint) else complaint
        time.sleep(0.1)


class Submitted:
    """One job of the cluster."""

    def __init__(self, env, folder, words, *options):
        self.env, self.folder, self.run = env, folder, folder / "h6.run"
        script = folder / "h6.sh"
        request = ("--nodes", "1", "--ranks-per-node", "2", "--mpi", "pmi2", "--job-name", "h6", *options)
        assert main(("batch", "slurm", *request, "--output", str(script), "--force", "--", *words)) == 0
        done = subprocess.run(
            ["sbatch", "--parsable", str(script)], cwd=folder, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        self.id = done.stdout.strip().split(";")[0]

    def shown(self, field):
        words = ask(self.env, "scontrol", "show", "job", self.id).split()
        return next((word.partition("=")[2] for word in words if word.startswith(f"{field}=")), "")

    def records(self, kind):
        journal = self.run / "journal.jsonl"
        lines = journal.read_text().split("\n")[:-1] if journal.exists() else []
        return [record for record in map(json.loads, lines) if record.get("kind") == kind]

    def wait(self, condition, seconds=90):
        until(condition, seconds, lambda: f"{ask(self.env, 'scontrol', 'show', 'job', self.id)}\n{self.said()}")

    def wait_for_state(self, *states):
        self.wait(lambda: self.shown("JobState") in states)

    def wait_for_evaluations(self, count):
        self.wait(lambda: len(self.records("evaluation")) >= count)

    def wait_for_next_life(self):
        """Slurm holds a requeued job back for the life of a credential: 2 minutes, 5 seconds in the cluster here."""
        self.wait(lambda: self.shown("Restarts") == "1" and self.shown("JobState") == "PENDING")
        self.wait(lambda: self.shown("JobState") != "PENDING", 200)

    def said(self):
        path = self.folder / f"h6-{self.id}.out"
        return path.read_text() if path.exists() else ""

    def result(self):
        return json.loads((self.run / "result.json").read_text())

    def cancel(self):
        ask(self.env, "scancel", self.id)


@pytest.fixture(scope="module")
def fcidump(tmp_path_factory):
    """One problem for all runs: two of the same Hartree-Fock may differ in the last digits."""
    path = tmp_path_factory.mktemp("problem") / "h6.fcidump"
    hq.Problem.from_xyz(H6, "sto-3g").to_fcidump(path)
    return path


@pytest.fixture
def submit(cluster, fcidump, tmp_path):
    shutil.copy(fcidump, tmp_path)
    jobs = []

    def make(words, *options):
        jobs.append(Submitted(cluster, tmp_path, words, *options))
        return jobs[-1]

    yield make
    for job in jobs:
        job.cancel()


@pytest.fixture(scope="module")
def unbroken(fcidump, tmp_path_factory):
    """The result of the same run without a scheduler, without MPI and without a break."""
    folder = tmp_path_factory.mktemp("unbroken") / "h6.run"
    with contextlib.chdir(fcidump.parent):
        assert main([*VQE[3:], "--max-evaluations", "400", "--run", str(folder)]) == 0
    return json.loads((folder / "result.json").read_text())


def test_a_signalled_job_is_requeued_and_ends_with_the_bits_of_the_unbroken_run(submit, unbroken):
    job = submit((*VQE, "--max-evaluations", "400", "--run", "h6.run"), "--wall-time", "10m")
    job.wait_for_evaluations(100)
    # What the batch shell gets from --signal=B:USR1@120.
    ask(job.env, "scancel", "--batch", "--signal=USR1", job.id)
    job.wait_for_next_life()
    job.wait_for_state("COMPLETED")
    result = job.result()
    stopped = job.records("end")[0]
    assert (stopped["reason"], stopped["finished"]) == ("stopped by SIGUSR1", False)
    for key in ("energy", "parameters", "evaluations", "reason"):
        assert result[key] == unbroken[key], key
    assert 100 <= result["replayed"] < 400
    assert [record["n"] for record in job.records("evaluation")] == list(range(400))
    assert len(job.records("start")) == 2
    assert job.shown("ExitCode") == "0:0"
    assert not list(job.folder.glob(".hybridq-again*"))


def test_a_job_stops_before_its_wall_time_and_is_requeued(submit):
    job = submit((*VQE, *LONG, "--run", "h6.run"), "--wall-time", "1m", "--margin", "45s")
    job.wait(lambda: job.shown("Restarts") == "1")
    life = job.records("end")
    assert len(life) == 1, job.said()
    # By the deadline in the environment, or by Slurm's timed signal, whichever is first.
    assert life[0]["reason"].startswith(("the wall time ", "stopped by SIGUSR1"))
    assert life[0]["finished"] is False
    job.wait_for_state("PENDING")


def test_a_cancelled_job_stays_cancelled_and_its_run_is_whole(submit):
    job = submit((*VQE, *LONG, "--run", "h6.run"), "--wall-time", "10m")
    job.wait_for_evaluations(20)
    job.cancel()
    job.wait_for_state("CANCELLED")
    job.wait(lambda: "taken away by the scheduler" in job.said())
    time.sleep(2.0)  # a requeue would come now
    assert (job.shown("JobState"), job.shown("Restarts")) == ("CANCELLED", "0")
    stopped = job.records("end")[-1]
    assert (stopped["reason"], stopped["finished"]) == ("stopped by SIGTERM", False)


def test_a_killed_rank_ends_the_job_and_a_requeue_by_hand_goes_on(submit, unbroken):
    words = (*VQE, "--max-evaluations", "400", "--run", "h6.run")
    job = submit(words, "--wall-time", "10m")
    job.wait_for_evaluations(100)
    ranks = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "h6.run" in (process.info["cmdline"] or [])
        and process.info["cmdline"][:1] == [sys.executable]
        and process.cwd() == str(job.folder)
    ]
    assert len(ranks) == 2
    ranks[-1].send_signal(signal.SIGKILL)
    job.wait_for_state("FAILED")
    assert job.shown("Restarts") == "0"
    assert job.shown("ExitCode") != "0:0"
    assert ask(job.env, "scontrol", "requeue", job.id) == ""
    job.wait_for_next_life()
    job.wait_for_state("COMPLETED")
    result = job.result()
    for key in ("energy", "parameters", "evaluations"):
        assert result[key] == unbroken[key], key
    assert result["replayed"] >= 100
