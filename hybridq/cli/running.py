"""What commands that run a loop share: how it is run, reported and ended."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from hybridq.cli import ending
from hybridq.cli.output import print_json, stdout_kept_clean
from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from hybridq.comm import Comm


def run_loop(asked: argparse.Namespace, comm: Comm, prepare: Callable[[], Any], folder: str | None) -> int:
    """Make a loop, run it and report it; every rank comes here, rank 0 writes.

    Raises:
        HybridqError: whatever went wrong, by remedy.
    """
    from hybridq.loops.stopping import Interrupted

    try:
        with stdout_kept_clean() if asked.json else contextlib.nullcontext():
            comm.once(lambda: check_plot(asked.plot))
            with _stopping_at_once("before the run began", folder):
                loop = prepare()
            result = loop.run()
            with _stopping_at_once("after the run had ended", folder, result):
                comm.once(lambda: _write_plot(result, asked.plot))
                references = comm.once(lambda: dict(result.references))
        comm.once(lambda: print_result(asked, result, references))
    except Interrupted as stop:
        # Rank 0 told it when it met it in a loop, and all ranks are here; one that met it before is alone.
        if stop.result is not None and comm.is_root and asked.json:
            print_json(json_result(stop.result, known_references(stop.result), None))
        return ending.end_all_ranks("" if stop.told else str(stop), stop.code)
    except KeyboardInterrupt:
        resumable = _has_journal(folder)
        how = f"; all evaluations are kept in {folder}, and the same command goes on from there" if resumable else ""
        return ending.end_all_ranks(f"interrupted{how}", ending.RESUMABLE if resumable else ending.INTERRUPTED)
    return ending.OK


def print_result(asked: argparse.Namespace, result: Any, references: dict[str, float | None]) -> None:
    """The result on stdout, for people or as JSON."""
    if asked.json:
        print_json(json_result(result, references, asked.plot))
        return
    print(result, flush=True)
    if asked.plot is not None:
        print(f"  plot         {asked.plot}", flush=True)


def known_references(result: Any) -> dict[str, float | None]:
    """The references that are known already; computes none."""
    return {name: result.known.get(name) for name in ("hf", "ccsd", "casci")}


def json_result(result: Any, references: dict[str, float | None], plot: str | None) -> dict[str, Any]:
    """What --json prints: `seconds` is the whole wall time; everything else as in the run folder's result.json."""
    whole = {**result.to_dict(references=False), "references": references, "plot": plot}
    whole["circuit"] = whole.pop("ansatz")
    whole["seconds_by_part"] = whole["seconds"]
    whole["seconds"] = result.seconds["total"]
    return whole


def check_plot(path: str | None) -> None:
    """Find out before the run that a plot cannot be written after it.

    Raises:
        InputError: an unknown kind of file, a folder, or a folder that is not there.
    """
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    target = Path(path)
    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if target.suffix.lstrip(".").lower() not in known:
        raise InputError(f"cannot write the plot {path}: its name must end with one of .{', .'.join(known)}")
    if target.is_dir() or not target.absolute().parent.is_dir():
        where = "it is a folder" if target.is_dir() else f"there is no folder {target.parent}"
        raise InputError(f"cannot write the plot {path}: {where}; make the folder, or give another file")


def _write_plot(result: Any, path: str | None) -> None:
    if path is not None:
        result.plot(path)


def _has_journal(run: str | None) -> bool:
    from hybridq.journal.reader import JOURNAL

    return run is not None and (Path(run) / JOURNAL).exists()


@contextlib.contextmanager
def _stopping_at_once(when: str, folder: str | None, result: Any = None) -> Iterator[None]:
    """End with the loop's own exit code where a batch system's signal comes while no loop listens.

    These are the times of SCF before the loop, and of the classical references after it.
    """
    from hybridq.loops.stopping import Interrupted

    heard: list[Interrupted] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if not heard:  # a second one would only break off what the first began
            heard.append(Interrupted(f"stopped by {signal.Signals(number).name} {when}", result, folder))
            raise heard[0]

    kept: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (int(signal.SIGTERM), int(signal.SIGUSR1)):
            if signal.getsignal(number) == signal.SIG_DFL:
                kept[number] = signal.signal(number, stop)
    try:
        yield
        if heard:  # it was raised where exceptions end, in a destructor or in a callback from C
            raise heard[0]
    finally:
        for number, usual in kept.items():
            signal.signal(number, signal.SIG_IGN if heard else usual)
