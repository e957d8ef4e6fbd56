"""Real MPI processes under mpiexec: verbs at 1 to 4 ranks, the same bits, ends that do not hang, clear refusals."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")

needs_mpi = pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec: python -m pip install mpi4py mpich")
LAUNCHERS = ("OMPI_", "PMI", "PALS_", "MV2_", "MPI_LOCAL", "SLURM_", "PJM_", "FLUX_", "HYBRIDQ_")


def clean():
    kept = {k: v for k, v in os.environ.items() if not k.startswith(LAUNCHERS)}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def launch(n, arguments, timeout=60, **environ):
    """Run ``mpiexec -n n python arguments``; a hang fails the test and leaves no process behind."""
    command = [MPIEXEC, "-n", str(n), sys.executable, *arguments]
    env = {**clean(), **environ}
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


def alone(code, **environ):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**clean(), **environ})


def script(tmp_path, code):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(code))
    return str(path)


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_verbs_keep_their_promises_on(n):
    done = launch(n, ["-m", "pytest", str(HERE / "mpi"), "-q", "-x", "-p", "no:cacheprovider"], timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.count(" passed") == n


@needs_mpi
@pytest.mark.mpi
def test_items_are_shared_where_mpi_allows_no_threads_too():
    words = ["-m", "pytest", str(HERE / "mpi" / "test_share.py"), "-q", "-x", "-p", "no:cacheprovider"]
    # A long item of rank 0 holds up the others then; they wait, but nothing else changes.
    done = launch(
        3,
        [*words, "-k", "not long_item and not done_early and not uneven"],
        timeout=240,
        MPI4PY_RC_THREAD_LEVEL="serialized",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    level = "import mpi4py.MPI as M, sys; sys.stdout.write(str(M.Query_thread() < M.THREAD_MULTIPLE))"
    assert launch(1, ["-c", level], MPI4PY_RC_THREAD_LEVEL="serialized").stdout == "True"


@needs_mpi
@pytest.mark.mpi
def test_results_are_the_same_bits_for_every_number_of_ranks(tmp_path):
    code = """
        import sys
        import numpy as np
        from hybridq.comm import world
        from hybridq.testing.cases import cases
        from hybridq.testing.oracle import Oracle
        comm, case = world(), cases()[3]
        oracle = Oracle(case.circuit)
        rows = comm.once(lambda: np.random.default_rng(5).normal(size=(7, case.circuit.n_parameters)))
        energies = comm.map(lambda block: oracle.energies(case.hamiltonian, block), rows)
        sys.stdout.write(f"{comm.size} {energies.tobytes().hex()}\\n")
    """
    path = script(tmp_path, code)
    seen = set()
    for n in (1, 2, 3, 4):
        done = launch(n, [path])
        lines = [line.split() for line in done.stdout.splitlines()]
        assert [size for size, _ in lines] == [str(n)] * n, done.stderr
        seen |= {bits for _, bits in lines}
    assert len(seen) == 1
    assert len(seen.pop()) == 7 * 8 * 2


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("comm.map(lambda b: 1 / 0 if comm.rank == last else b, np.arange(4 * comm.size))", "ZeroDivisionError"),
        ("comm.once(lambda: [][0])", "IndexError: list index out of range"),
        ("boom() if comm.rank == last else comm.agree(1)", "RuntimeError: boom"),
        ("boom() if comm.rank == last else comm.map(lambda b: b, np.arange(4))", "RuntimeError: boom"),
        ("boom() if comm.rank == last else comm.barrier()", "RuntimeError: boom"),
        ("boom(KeyboardInterrupt) if comm.rank == last else comm.once(lambda: 1)", "KeyboardInterrupt"),
        ("boom()", "RuntimeError: boom"),
    ],
)
def test_an_exception_on_one_rank_ends_the_run_with_its_traceback(tmp_path, n, place, expected):
    code = f"""
        import numpy as np
        from hybridq.comm import world
        comm = world()
        last = comm.size - 1

        def boom(kind=RuntimeError):
            raise kind("boom")

        {place}
        print("went on")
    """
    done = launch(n, [script(tmp_path, code)], timeout=30)
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert expected in done.stderr
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert done.stdout.count("went on") < n


@needs_mpi
@pytest.mark.mpi
def test_a_hook_that_was_there_before_is_still_called(tmp_path):
    code = """
        import sys
        sys.excepthook = lambda kind, error, trace: print("my hook:", error, file=sys.stderr)
        from hybridq.comm import world
        comm = world()
        if comm.rank == 1:
            raise RuntimeError("boom")
        comm.barrier()
    """
    done = launch(2, [script(tmp_path, code)], timeout=30)
    assert done.returncode != 0
    assert done.stderr.count("my hook: boom") == 1


@needs_mpi
@pytest.mark.mpi
def test_processes_meant_to_be_independent_are_serial():
    code = "from hybridq.comm import world; import sys; sys.stdout.write(f'{world()}\\n')"
    done = launch(2, ["-c", code], HYBRIDQ_MPI="off")
    assert done.stdout.splitlines() == ["<Comm: rank 0 of 1>"] * 2


@needs_mpi
@pytest.mark.mpi
def test_ranks_on_one_node_share_its_threads():
    code = (
        "import os, sys; del os.environ['OMP_NUM_THREADS']\n"
        "from hybridq.comm import world; from hybridq.contract.threads import available_threads\n"
        "sys.stdout.write(f'{available_threads()} {available_threads(world())} {world().local_size}\\n')"
    )
    done = launch(2, ["-c", code])
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert len(done.stdout.splitlines()) == 2, done.stderr
    for line in done.stdout.splitlines():
        from_environment, from_mpi, local_size = (int(word) for word in line.split())
        assert local_size == 2
        assert from_environment == from_mpi <= share


REPORT = """
    from hybridq.comm import world
    from hybridq.contract.errors import MPIError
    try:
        print(world())
    except MPIError as error:
        print(f"MPIError: {error}")
"""


def test_a_launcher_of_another_mpi_is_refused_by_name():
    pytest.importorskip("mpi4py")
    # What Open MPI's mpiexec sets, around a library that is not Open MPI's: each process would believe it is alone.
    environ = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"}
    done = alone(REPORT, **environ)
    assert "MPIError: Open MPI's mpiexec started 4 processes" in done.stdout, done.stderr
    assert "sees 1 (" in done.stdout
    assert "HYBRIDQ_MPI=off" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_library_that_cannot_be_loaded_is_told_in_one_line():
    pytest.importorskip("mpi4py")
    # mpi4py's wheel looks for the library that MPI4PY_LIBMPI names; this one is not there.
    done = alone(REPORT, PMI_SIZE="3", PMI_RANK="0", MPI4PY_LIBMPI="/nowhere/libmpi.so.12")
    assert "MPIError: MPICH's mpiexec" in done.stdout, done.stdout + done.stderr
    assert "cannot load an MPI library" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_mpi4py_that_is_missing_is_told_in_one_line(tmp_path):
    # A module of the same name that cannot be imported stands before the real one.
    (tmp_path / "mpi4py.py").write_text("raise ImportError('No module named mpi4py')\n")
    done = alone(REPORT, PMI_SIZE="3", PMI_RANK="0", PYTHONPATH=str(tmp_path))
    assert "mpi4py cannot be imported" in done.stdout, done.stdout + done.stderr
    assert "python -m pip install mpi4py" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_serial_process_never_imports_mpi4py(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise SystemExit('mpi4py was imported')\n")
    code = """
        import numpy as np
        from hybridq.comm import world
        comm = world()
        print(comm, comm.agree(3), comm.once(lambda: 4), comm.map(np.sqrt, [4.0, 9.0]), comm.split(1) is comm)
    """
    for environ in ({}, {"PMI_SIZE": "1", "PMI_RANK": "0"}, {"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}):
        done = alone(code, PYTHONPATH=str(tmp_path), **environ)
        assert done.stdout.strip() == "<Comm: rank 0 of 1> 3 4 [2. 3.] True", done.stderr


def test_mpi_that_the_program_started_itself_is_used_under_an_unknown_launcher():
    pytest.importorskip("mpi4py.MPI")
    done = alone("from mpi4py import MPI\nfrom hybridq.comm import world\nprint(world())")
    assert done.stdout.strip() == "<Comm: rank 0 of 1>", done.stderr


@needs_mpi
@pytest.mark.mpi
def test_a_vqe_gives_the_same_bits_for_every_number_of_ranks():
    marks = set()
    for n in (1, 2, 3, 4):
        words = ["-m", "pytest", str(HERE / "mpi" / "test_vqe_ranks.py"), "-q", "-k", "share", "-p", "no:cacheprovider"]
        done = launch(n, words, timeout=240)
        # The dots of pytest's other ranks may follow on the same line.
        found = tuple(re.findall(r"^fingerprint \S+ [0-9a-f]{64}", done.stdout, re.MULTILINE))
        assert len(found) == 2, done.stdout[-3000:] + done.stderr[-3000:]
        marks.add(found)
    assert len(marks) == 1
