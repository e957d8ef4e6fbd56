"""Loops whose ranks are killed under Open MPI's ULFM: the others finish them, with the bits of the undisturbed run."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from functools import cache

import pytest
from test_mpi_survival import LAUNCHERS, MISSING, PYTHON

pytestmark = [pytest.mark.mpi, pytest.mark.skipif(PYTHON is None, reason=MISSING)]

SCRIPT = """
    import json, os, signal, sys, time
    import hybridq as hq
    from hybridq.comm import world

    loop, folder, victims, at = sys.argv[1], sys.argv[2] or None, json.loads(sys.argv[3]), int(sys.argv[4])
    me, calls = world().rank, [0]

    class Mortal(hq.LocalBackend):
        name = "mortal"
        capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}))

        def __init__(self):
            super().__init__()
            self.inner = hq.backend("sector", threads=1)

        def cost(self, tasks):
            return self.inner.cost(tasks)

        def run(self, task):
            calls[0] += 1
            if me in victims and calls[0] == at:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.002 * task.n_rows)
            return self.inner.submit([task]).result()[0]

    problem = hq.Problem.from_fcidump("h4.fcidump")
    steps = []
    common = {"backend": Mortal(), "run": folder, "callbacks": [lambda step: steps.append(step.number)]}
    if loop == "adapt":
        result = hq.ADAPT(problem, "paired", max_operators=3, max_iterations=4, **common).run()
    else:
        options = {"iterations": 12, "resamplings": 3, "calibration": 4} if loop == "SPSA" else {}
        limit = None if loop == "SPSA" else 12
        vqe = hq.VQE(problem, "pccd", optimizer=loop, optimizer_options=options, max_iterations=limit, **common)
        result = vqe.run()
    comm = world()
    if comm.is_root:
        told = [result.energy.hex(), [x.hex() for x in result.parameters], list(result.history.energies)]
        print(json.dumps([comm.size, comm.lost, told]), flush=True)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    import hybridq as hq

    folder = tmp_path_factory.mktemp("survival")
    problem = hq.Problem.from_xyz("; ".join(f"H 0 0 {i}" for i in range(4)), "sto-3g")
    problem.to_fcidump(folder / "h4.fcidump")
    (folder / "run.py").write_text(textwrap.dedent(SCRIPT))
    return folder


def run(place, loop, folder="", victims=(), at=5, ranks=3):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(LAUNCHERS)}
    allowed = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "OMP_NUM_THREADS": "1",
    }
    launcher = [str(PYTHON.with_name("mpiexec")), "--with-ft", "ulfm", "-n", str(ranks), str(PYTHON)]
    done = subprocess.run(
        [*launcher, "run.py", loop, str(folder), json.dumps(list(victims)), str(at)],
        capture_output=True, text=True, cwd=place, env={**kept, **allowed}, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@cache
def undisturbed_run(place, loop):
    return run(place, loop)[0][2]


@pytest.mark.parametrize(("victims", "recording"), [([1], False), ([0], False), ([0], True), ([0, 2], True)], ids=str)
def test_the_survivors_finish_a_vqe_with_the_same_bits(place, tmp_path, victims, recording):
    undisturbed = undisturbed_run(place, "SPSA")
    (size, lost, told), err = run(place, "SPSA", tmp_path / "run" if recording else "", victims)
    assert (size, lost) == (3 - len(victims), len(victims))
    assert told == undisturbed
    assert f"MPI ranks died; going on with {size}" in err
    if recording:
        from hybridq.journal import read_journal

        journal = read_journal(tmp_path / "run" / "journal.jsonl")
        numbers = [r["n"] for r in journal.of_kind("evaluation")]
        assert numbers == list(range(len(numbers)))
        assert journal.records[-1]["finished"]


@pytest.mark.parametrize("loop", ["L-BFGS-B", "adapt"])
def test_other_loops_survive_the_loss_of_rank_0_too(place, tmp_path, loop):
    undisturbed = undisturbed_run(place, loop)
    (size, lost, told), _ = run(place, loop, tmp_path / "run", [0], at=4)
    assert (size, lost, told) == (2, 1, undisturbed)
