"""``hybridq scan``."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridq.cli import ending
from hybridq.cli.inputs import is_fcidump, make_problem
from hybridq.cli.options import as_options
from hybridq.cli.output import print_json, stdout_kept_clean
from hybridq.cli.running import check_plot
from hybridq.contract.errors import InputError
from hybridq.journal.reader import JOURNAL

if TYPE_CHECKING:
    from hybridq.chem.problem import Problem
    from hybridq.comm import Comm
    from hybridq.loops.scan_result import ScanResult

PLACE = "{r}"
PASSED_ON = (
    "precision",
    "shots",
    "max_iterations",
    "max_evaluations",
    "energy_tolerance",
    "gradient_tolerance",
)
IS_PROBLEM = (
    "basis",
    "charge",
    "spin",
    "active_electrons",
    "active_orbitals",
    "orbitals",
    "frozen_core",
    "no_symmetry",
    "allow_unconverged",
    "max_cycle",
)


@dataclass(frozen=True)
class Template:
    """A geometry with a gap for the coordinate, and how it becomes a problem.

    Attributes:
        text: the geometry, with {r} wherever the coordinate stands.
        asked: the command line.
    """

    text: str
    asked: argparse.Namespace

    def __call__(self, value: float) -> Problem:
        """The problem where the coordinate is `value`, angstrom."""
        filled = self.text.replace(PLACE, repr(value))
        return make_problem(argparse.Namespace(**{**vars(self.asked), "input": filled}))

    def spec(self) -> dict[str, Any]:
        """All that the problems depend on."""
        return {"geometry": self.text, **{name: getattr(self.asked, name) for name in IS_PROBLEM}}


def run(asked: argparse.Namespace) -> int:
    """Run a scan and report it; every rank comes here, rank 0 writes.

    Raises:
        HybridqError: whatever went wrong, by remedy.
    """
    from hybridq.comm import world

    comm = world()

    def begin() -> ScanResult:
        text, values = comm.once(lambda: (_geometry(asked), points(asked)))
        return _scan(Template(text, asked), values, asked, comm)

    return _run(begin, asked, comm, asked.run)


def resume(asked: argparse.Namespace, spec: Mapping[str, Any]) -> int:
    """Go on with the scan in `asked.folder`, whose journal has this spec; every rank comes here, rank 0 writes.

    Raises:
        HybridqError: whatever went wrong, by remedy.
    """
    from hybridq.comm import world
    from hybridq.loops.scan_resume import resume_scan

    comm, told = world(), spec["problems"]
    make = None
    if isinstance(told, Mapping) and "geometry" in told:  # a scan of the command line
        given = {name: told[name] for name in IS_PROBLEM}
        make = Template(str(told["geometry"]), argparse.Namespace(**given))

    def go_on() -> ScanResult:
        comm.once(lambda: check_plot(asked.plot))
        return resume_scan(
            asked.folder,
            make=make,
            max_evaluations=asked.max_evaluations,
            max_iterations=asked.max_iterations,
            wall_time=ending.seconds_left(asked.wall_time),
            progress=False if asked.quiet or asked.json else None,
            comm=comm,
        )

    return _run(go_on, asked, comm, asked.folder)


def _run(begin: Callable[[], ScanResult], asked: argparse.Namespace, comm: Comm, folder: str | None) -> int:
    from hybridq.loops.stopping import Interrupted

    try:
        with stdout_kept_clean() if asked.json else contextlib.nullcontext():
            result = begin()
            comm.once(lambda: result.plot(asked.plot) if asked.plot is not None else None)
        comm.once(lambda: _report(result, asked))
    except Interrupted as stop:
        if stop.result is not None and comm.is_root and asked.json:
            print_json(_json(stop.result, None))
        return ending.end_all_ranks("" if stop.told else str(stop), stop.code)
    except KeyboardInterrupt:
        resumable = folder is not None and (Path(folder) / JOURNAL).exists()
        how = f"; what is done is kept in {folder}, and the same command goes on from there" if resumable else ""
        return ending.end_all_ranks(f"interrupted{how}", ending.RESUMABLE if resumable else ending.INTERRUPTED)
    return ending.OK


def points(asked: argparse.Namespace) -> list[float]:
    """The values that the command line names.

    Raises:
        InputError: none, half of a range, both ways at once, or fewer than two points.
    """
    ends = {"from": asked.first, "to": asked.last, "points": asked.points}
    given = [name for name, value in ends.items() if value is not None]
    if asked.values is not None:
        if given:
            raise InputError(f"--values and --{given[0]} contradict each other; give one of them")
        return list(asked.values)
    missing = [f"--{name}" for name in ends if name not in given]
    if missing:
        raise InputError(
            f"the points of the scan are not known: {', '.join(missing)} missing; give --from 0.9 --to 2.5 "
            "--points 17, or --values 0.9,1.0,1.1"
        )
    if asked.points < 2:
        raise InputError(f"a scan needs at least two points, got --points {asked.points}; for one use hybridq vqe")
    step = (asked.last - asked.first) / (asked.points - 1)
    # Twelve digits: 0.9 + 2 * 0.1 is to be 1.1 and not 1.1000000000000001.
    return [float(f"{asked.first + step * k:.12g}") for k in range(asked.points)]


def _geometry(asked: argparse.Namespace) -> str:
    """The text of the geometry, on rank 0; everything that a look at the arguments finds wrong is told here."""
    check_plot(asked.plot)
    if is_fcidump(asked.input):
        raise InputError(
            f"{asked.input} is an FCIDUMP file, which holds one geometry; a scan needs a geometry with {PLACE}"
        )
    text: str = asked.input
    if PLACE not in text:
        try:
            text = Path(asked.input).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            if len(asked.input.split()) == 1:  # a geometry has several words
                reason = getattr(error, "strerror", None) or error
                raise InputError(f"cannot read {asked.input}: {reason}") from None
            text = asked.input
    if PLACE not in text:
        raise InputError(
            f'the geometry has no {PLACE}, where the coordinate is to stand; write "N 0 0 0; N 0 0 {PLACE}", or put '
            f"{PLACE} into the xyz file"
        )
    return text


def _scan(template: Template, values: list[float], asked: argparse.Namespace, comm: Comm) -> ScanResult:
    from hybridq.loops.scan import scan
    from hybridq.registry import ansatz

    if asked.budget is not None or asked.backend_option:
        raise InputError(
            "a scan takes neither --budget nor --backend-option, as each of its points is a run of its own; "
            "run the points one by one with `hybridq vqe`"
        )
    return scan(
        template,
        values,
        ansatz(asked.circuit, **as_options(asked.circuit_option)),
        start=asked.start,
        run=asked.run,
        ranks_per_group=asked.ranks_per_group,
        comm=comm,
        wall_time=ending.seconds_left(asked.wall_time),
        progress=False if asked.quiet or asked.json else None,
        backend=asked.backend,
        optimizer=asked.optimizer,
        optimizer_options=as_options(asked.optimizer_option),
        seed=asked.seed,
        **{name: getattr(asked, name) for name in PASSED_ON if getattr(asked, name) is not None},
    )


def _report(result: ScanResult, asked: argparse.Namespace) -> None:
    if asked.json:
        print_json(_json(result, asked.plot))
        return
    print(result, flush=True)
    if asked.plot is not None:
        print(f"  plot         {asked.plot}", flush=True)


def _json(result: ScanResult, plot: str | None) -> dict[str, Any]:
    """What --json prints: the run folder's scan.json, the whole wall time as `seconds`, and the minimum."""
    whole = {**result.to_dict(), "plot": plot, "minimum": None}
    with contextlib.suppress(InputError):
        found = result.minimum()
        whole["minimum"] = {"value": found.value, "energy": found.energy, "wavenumber": found.wavenumber}
    whole["circuit"] = whole.pop("ansatz")
    whole["seconds_by_part"] = whole["seconds"]
    whole["seconds"] = result.seconds.get("total")
    return whole
