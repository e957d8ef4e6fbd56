"""MPI: launchers, mpi4py, the library that it loads, and two ranks that find each other.

All of it is asked of other processes: a broken MPI often ends its process or hangs in it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from hybridq.cli.checks.finding import Finding, ask
from hybridq.contract.launcher import launch
from hybridq.provenance import package_version

LIBRARY = "from mpi4py import MPI; print(MPI.Get_library_version())"
TWO_RANKS = "from hybridq.comm import world; w = world(); w.barrier(); w.is_root and print('ranks', w.size)"
INSTALL = "python -m pip install mpi4py mpich (or mpi4py alone, where the machine has an MPI)"


def mpi(test: bool = True) -> Iterator[Finding]:
    """Whether ``mpiexec -n 2`` would work; `test` tries it."""
    mpiexec, srun = find_mpiexec(), shutil.which("srun")
    mpi4py = package_version("mpi4py")
    found = ", ".join(path for path in (mpiexec, srun) if path is not None)
    if mpi4py is None and not found:
        yield Finding("ok", "MPI", "not installed (extra mpi); hybridq runs on one rank")
        return
    if found:
        yield Finding("ok", "MPI launcher", found)
    else:
        yield Finding(
            "warn", "MPI launcher", "neither mpiexec nor srun is on PATH", "load an MPI module, or " + INSTALL
        )
    if mpi4py is None:
        yield Finding("warn", "mpi4py", "not installed (extra mpi), so hybridq runs on one rank", INSTALL)
        return
    started = launch()
    if started is not None:
        yield Finding("ok", "mpi4py", f"{mpi4py}; the library was not asked, since {started.launcher} runs this doctor")
        return
    answer = ask([sys.executable, "-c", LIBRARY], 60.0)
    if answer.code != 0:
        yield Finding("fail", "MPI library", f"mpi4py {mpi4py} cannot load one: {answer.last_words}", INSTALL)
        return
    library = " ".join(answer.out.strip().partition("\n")[0].split())[:80]
    yield Finding("ok", "MPI library", f"mpi4py {mpi4py} loads {library}")
    if mpiexec is None:
        return
    yield two_ranks(mpiexec) if test else Finding("ok", "two MPI ranks", "not tried (--no-mpi-test)")


def two_ranks(mpiexec: str, seconds: float = 90.0) -> Finding:
    """Start two ranks and see whether they find each other."""
    # HYBRIDQ_MPI=off would keep the two from looking for each other.
    environ = {name: value for name, value in os.environ.items() if name != "HYBRIDQ_MPI"}
    answer = ask([mpiexec, "-n", "2", sys.executable, "-c", TWO_RANKS], seconds, environ)
    if answer.code == 0 and answer.out.split() == ["ranks", "2"]:
        return Finding("ok", "two MPI ranks", f"{mpiexec} -n 2 works")
    said = f"exit code {answer.code}: {answer.last_words}" if answer.code is not None else answer.err
    return Finding(
        "fail",
        "two MPI ranks",
        f"{mpiexec} -n 2 does not work: {said}",
        "use the launcher of the library that mpi4py loads, or install mpi4py for the launcher's MPI; "
        "runs on one rank are not concerned",
    )


def find_mpiexec() -> str | None:
    """The mpiexec beside this Python, which belongs to what pip installed there; else the one on PATH."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")
