"""Start Python under mpiexec, and see every process of it to its end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.machine import ROOT

LAUNCHERS = ("OMPI_", "PMI", "PALS_", "MV2_", "MPI_LOCAL", "SLURM_", "PJM_", "FLUX_", "HYBRIDQ_")
TAG = "DRILL_LIFE"


def mpiexec() -> str:
    """The launcher beside this Python, or the one on the path.

    Raises:
        RuntimeError: there is none.
    """
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        raise RuntimeError("no mpiexec: python -m pip install mpi4py mpich")
    return found


def environment(**more: str) -> dict[str, str]:
    """This process's, without what another launcher left, and with one thread for each rank."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(LAUNCHERS)}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}


class Life:
    """One start of a program on some ranks.

    Args:
        ranks: how many.
        arguments: of Python.
        output: file that gets what the ranks print.
    """

    def __init__(self, ranks: int, arguments: Sequence[str], output: Path) -> None:
        self.ranks = ranks
        self.tag = uuid.uuid4().hex
        self.output = output
        command = [mpiexec(), "-n", str(ranks), sys.executable, *arguments]
        with open(output, "wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                env=environment(**{TAG: self.tag}), start_new_session=True,
            )  # fmt: skip

    @property
    def over(self) -> bool:
        """Whether the launcher has ended."""
        return self.process.poll() is not None

    def members(self) -> dict[str, psutil.Process]:
        """The processes there are: "mpiexec", "proxy" (its helper, which starts the ranks) and each "rank N"."""
        found = {}
        for process in [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]:
            with suppress(psutil.Error):
                rank = process.environ().get("PMI_RANK")
                if process.pid == self.process.pid:
                    found["mpiexec"] = process
                elif rank is not None:
                    found[f"rank {rank}"] = process
                elif "proxy" in process.name():
                    found["proxy"] = process
        return found

    def strays(self) -> list[psutil.Process]:
        """Processes of this life that are still there, children of a dead launcher included."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(TAG) == self.tag and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def end(self, limit: float = 30.0) -> float:
        """Wait until every process is gone; seconds that this took.

        Raises:
            RuntimeError: some hang; they are killed.
        """
        began = time.perf_counter()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(limit)
        while (left := self.strays()) and time.perf_counter() - began < limit:
            time.sleep(0.01)
        if left or not self.over:
            names = [process.name() for process in left]
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise RuntimeError(f"{len(names)} processes did not end in {limit:.0f} s: {names}")
        return time.perf_counter() - began
