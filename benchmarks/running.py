"""Running one worker process at a time, and deciding beforehand which would take too long."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.peer_list import Engine, Peer

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "HYBRIDQ_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
MEMORY_SHARE = 0.9  # of the machine's memory
LONG_CALL_S = 0.1  # calls shorter than this are mostly overhead and predict nothing

Status = Literal["ok", "failed", "limit", "skipped"]


@dataclass(frozen=True)
class Record:
    """What became of one (peer, engine, threads, molecule).

    Attributes:
        status: "ok"; "failed" (the worker did not finish); "limit" (it was ended); "skipped" (not started).
        reason: why it is not "ok".
        values: what the worker measured, see `peers.worker`, and `wall_s` of its process.
    """

    peer: str
    engine: str
    threads: int
    molecule: str
    status: Status
    reason: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Median repeated call; the first call where there was time for one only."""
        return float(statistics.median(self.values["calls_s"] or [self.values["first_s"]]))


def run(
    peer: Peer, engine: Engine, threads: int, problem_file: Path, python: str, limit: float, options: Sequence[str]
) -> Record:
    """Start the worker, wait for at most `limit` seconds, and read its record."""
    command = [python, "-m", peer.module, str(problem_file), "--engine", engine.name, "--threads", str(threads)]
    command += ["--limit", str(limit), *options]
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "OMP_PROC_BIND": "false"}
    about = (peer.name, engine.name, threads, problem_file.stem)
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        end(process)
        return Record(*about, "limit", f"not finished after {limit:.0f} s")
    except BaseException:
        end(process)
        raise
    wall = time.perf_counter() - begin
    if process.returncode:
        return Record(*about, "failed", failure(process.returncode, errors))
    try:
        values = json.loads(output.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        return Record(*about, "failed", f"the worker printed no record; its last line: {output[-200:]!r}")
    return Record(*about, "ok", values={**values, "wall_s": wall})


def end(process: subprocess.Popen[str]) -> None:
    """Kill a worker with all its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def failure(code: int, errors: str) -> str:
    """One line on why a worker failed."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    lines = [line for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit status {code}"


def too_much(earlier: Sequence[Record], works: Sequence[int], work: int, limit: float, memory: int) -> str:
    """Why a case should not be started, or an empty string.

    `earlier` are the records of the same peer, engine and threads for other molecules and `works` their
    `Engine.work`. A call is predicted by the largest one measured so far, in proportion to the work (a lower
    bound where the Hamiltonian grows faster); there must be time for two. Memory beyond the smallest molecule's is
    predicted in the same way.
    """
    measured = sorted(
        ((w, r) for w, r in zip(works, earlier, strict=True) if r.status == "ok" and w <= work), key=lambda x: x[0]
    )
    stopped = [r for w, r in zip(works, earlier, strict=True) if r.status in ("limit", "skipped") and w <= work]
    if stopped:
        return f"{stopped[0].molecule} was already too large"
    if not measured:
        return ""
    known, last = measured[-1]
    growth = work / known
    if last.seconds > LONG_CALL_S and 2 * last.seconds * growth > limit:
        return f"two calls would take {2 * last.seconds * growth:.0f} s by the growth since {last.molecule}"
    peaks = [r.values["peak_bytes"] for _, r in measured]
    expected = min(peaks) + (peaks[-1] - min(peaks)) * growth
    if expected > MEMORY_SHARE * memory:
        return f"would need {expected / 2**30:.0f} GiB by the growth since {last.molecule}"
    return ""
