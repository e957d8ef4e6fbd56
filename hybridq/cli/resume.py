"""``hybridq resume``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hybridq.cli import ending, scan
from hybridq.cli.options import as_budget
from hybridq.cli.output import to_stderr
from hybridq.cli.running import check_plot, known_references, print_result, run_loop


def run(asked: argparse.Namespace) -> int:
    """Go on with a run; of a finished one, tell the result.

    Raises:
        HybridqError: whatever went wrong, by remedy.
    """
    from hybridq.comm import world
    from hybridq.loops.resume import open_run, resume

    comm = world()
    spec = comm.once(lambda: open_run(asked.folder).spec)
    if spec.get("loop") == "scan":
        return scan.resume(asked, spec)
    limits: dict[str, Any] = {
        name: getattr(asked, name) for name in ("max_iterations", "max_evaluations", "max_operators")
    }
    limits["budget"] = as_budget(asked.budget)
    longer = any(value is not None for value in limits.values())
    if comm.once(lambda: _is_done(Path(asked.folder))) and not longer:
        comm.once(lambda: _tell(Path(asked.folder), asked))
        return ending.OK
    return run_loop(
        asked,
        comm,
        lambda: resume(
            asked.folder,
            wall_time=ending.seconds_left(asked.wall_time),
            **limits,
            progress=False if asked.quiet or asked.json else None,
            comm=comm,
        ),
        asked.folder,
    )


def _is_done(folder: Path) -> bool:
    """A run killed between its last record and its result is not: its replay writes that."""
    from hybridq.loops.resume import is_finished, open_run

    return is_finished(open_run(folder)) and (folder / "result.json").exists()


def _tell(folder: Path, asked: argparse.Namespace) -> None:
    from hybridq.loops.result import VQEResult

    result = VQEResult.from_json(folder / "result.json")
    to_stderr(f"the run in {folder} was finished before; this is its result")
    if asked.plot is not None:
        check_plot(asked.plot)
        result.plot(asked.plot, references=False)
    print_result(asked, result, known_references(result))
