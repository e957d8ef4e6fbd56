"""hybridq: the command line."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from hybridq import __version__
from hybridq.cli import ending
from hybridq.cli.arguments import add_calculation, add_common, add_growth, add_problem, add_resume, add_run, add_scan
from hybridq.cli.batch.arguments import add_batch
from hybridq.cli.looking import add_export, add_look, add_plot
from hybridq.cli.new_backend.arguments import add_new_backend
from hybridq.cli.options import key_value
from hybridq.cli.output import speaks, to_stderr
from hybridq.contract.errors import HybridqError

EXIT_CODES = """exit codes: 0 done; 1 doctor found a failure; 2 an error, told in one line on stderr; 75 stopped by a
signal or the wall time, and the same command goes on from the run folder; 130 stopped without a run folder"""

BATCH = "write a script for a batch system that launches a run and goes on with it until it is done"


class Parser(argparse.ArgumentParser):
    """Speaks on rank 0 only, and reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        if speaks():
            to_stderr(f"{message} ({self.prog} --help lists what there is)")
        sys.exit(ending.ERROR)

    def _print_message(self, message: str, file: Any = None) -> None:
        if speaks():
            super()._print_message(message, file)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = Parser(
        prog="hybridq",
        description="Variational quantum chemistry on simulators, GPUs and quantum hardware, over MPI.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hybridq {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, summary: str, epilog: str | None = None) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary, epilog=epilog, allow_abbrev=False)
        add_common(made)
        return made

    vqe = command(
        "vqe", "lowest energy that a circuit reaches on a molecule, an observable or a graph", epilog=EXIT_CODES
    )
    add_problem(vqe, qubits=True)
    add_calculation(vqe)
    add_run(vqe)
    adapt = command("adapt", "a circuit that grows by the operators that lower the energy fastest", epilog=EXIT_CODES)
    add_problem(adapt)
    add_growth(adapt)
    add_run(adapt, of_circuit=False)
    scan = command("scan", "a curve of energies over one coordinate, its points shared over the ranks", EXIT_CODES)
    add_problem(scan)
    add_scan(scan)
    add_calculation(scan)
    resume = command("resume", "go on with a run from its folder alone", epilog=EXIT_CODES)
    add_resume(resume)
    add_look(command("status", "how a run stands, whether it is living, finished or dead; only reads"))
    add_export(command("export", "the records of a run as CSV or JSON; only reads"))
    add_plot(command("plot", "plot a run as far as it came; only reads"))
    plan = command("plan", "what each backend predicts for a calculation; runs nothing")
    add_problem(plan, qubits=True)
    add_calculation(plan)
    batch = commands.add_parser(
        "batch", help=BATCH, description=BATCH, epilog="hybridq batch SCHEDULER --help lists the options"
    )
    add_batch(batch)
    command("backends", "installed backends and what they take")
    add_new_backend(command("new-backend", "write the project of a backend of your own, which passes its tests"))
    command("circuits", "installed circuit families and operator pools, and their options")
    calibrate = command("calibrate", "measure this host once, so that predicted times fit it")
    calibrate.add_argument("backends", nargs="*", metavar="BACKEND", help="default: all that are installed")
    doctor = command("doctor", "is all in place? checks this installation and this machine")
    doctor.add_argument("--no-mpi-test", action="store_true", help="do not start two MPI ranks")
    host = command("host", "serve a backend's device over a pipe, to the backend host:NAME of another environment")
    host.add_argument("name", metavar="NAME", help="backend of this environment")
    host.add_argument("--option", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="no secrets")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: those of the command line without the program's name; None takes the process's own.

    Returns:
        The exit code: see `hybridq --help`.
    """
    asked: argparse.Namespace | None = None
    try:
        try:
            asked = make_parser().parse_args(arguments)
            run = importlib.import_module(f"hybridq.cli.{asked.command.replace('-', '_')}").run
            code: int = run(asked)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            return _reader_left()
        except KeyboardInterrupt:
            if _wants_traceback(asked):
                traceback.print_exc()
            return ending.end_all_ranks("interrupted", ending.INTERRUPTED)
        except (HybridqError, MemoryError) as error:
            if _wants_traceback(asked):
                traceback.print_exc()
            return ending.end_all_ranks(_text(error), ending.ERROR)
    except BrokenPipeError:
        return _reader_left()


def _wants_traceback(asked: argparse.Namespace | None) -> bool:
    return bool(asked is not None and asked.traceback) or os.environ.get("HYBRIDQ_TRACEBACK", "0") not in ("", "0")


def _text(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return f"the memory does not suffice: {error or 'an allocation failed'}; take a smaller active space or basis"
    return str(error) or type(error).__name__


def _reader_left() -> int:
    """End quietly where no one reads stdout any more; Python would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ending.BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
