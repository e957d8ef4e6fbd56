"""``hybridq vqe``."""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridq.cli import ending, plan
from hybridq.cli.inputs import make_problem
from hybridq.cli.options import as_options
from hybridq.cli.output import print_json, stdout_kept_clean
from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from hybridq.comm import Comm
    from hybridq.contract.circuit import FermionicCircuit
    from hybridq.loops.result import VQEResult
    from hybridq.loops.vqe import VQE

PASSED_ON = (
    "precision",
    "shots",
    "max_iterations",
    "max_evaluations",
    "energy_tolerance",
    "gradient_tolerance",
    "run",
)


def run(asked: argparse.Namespace) -> int:
    """Minimize the energy and report it; every rank comes here, rank 0 writes.

    Raises:
        HybridqError: whatever went wrong, by remedy.
    """
    if asked.plan:
        return plan.run(asked)
    from hybridq.comm import world
    from hybridq.loops.vqe import Interrupted

    comm = world()
    try:
        with stdout_kept_clean() if asked.json else contextlib.nullcontext():
            comm.once(lambda: _check_plot(asked.plot))
            vqe = _prepare(asked, comm)
            try:
                result = vqe.run()
            except Interrupted as stop:
                result, interrupted = stop.result, True
            else:
                interrupted = False
                comm.once(lambda: _write_plot(result, asked.plot))
                if comm.is_root:
                    result.problem.references()  # type: ignore[union-attr]
        if interrupted:
            return _report_interrupted(asked, comm, result)
        comm.once(lambda: _report(asked, result))
    except KeyboardInterrupt:
        code = ending.RESUMABLE if _has_journal(asked.run) else ending.INTERRUPTED
        return ending.end_all_ranks(f"interrupted{_how_to_go_on(asked.run)}", code)
    return ending.OK


def circuit_summary(circuit: FermionicCircuit) -> str:
    """Sizes and notes of a circuit, for people."""
    lines = [
        f"{circuit.name}: {circuit.n_parameters} parameters, {len(circuit.factors)} factors, {circuit.n_qubits} qubits"
    ]
    return "\n".join([*lines, *(f"  note        {note}" for note in circuit.notes)])


def json_result(result: VQEResult, references: dict[str, float | None], plot: str | None) -> dict[str, Any]:
    """What --json prints: `seconds` is the whole wall time; everything else as in the run folder's result.json."""
    whole = {**result.to_dict(references=False), "references": references, "plot": plot}
    whole["circuit"] = whole.pop("ansatz")
    whole["seconds_by_part"] = whole["seconds"]
    whole["seconds"] = result.seconds["total"]
    return whole


def _prepare(asked: argparse.Namespace, comm: Comm) -> VQE:
    from hybridq.loops.optimizers import optimizer
    from hybridq.loops.vqe import VQE
    from hybridq.registry import ansatz, backend

    # All names are looked up before SCF, which may take minutes.
    circuit = ansatz(asked.circuit, **as_options(asked.circuit_option))
    options = as_options(asked.optimizer_option)
    if asked.optimizer.lower() != "auto":
        optimizer(asked.optimizer, **options)
    engine = "auto" if asked.backend.lower() == "auto" else backend(asked.backend)
    problem = comm.once(lambda: make_problem(asked))
    shown = comm.is_root and not asked.json and not asked.quiet
    if shown:
        print(problem, flush=True)
    vqe = VQE(
        problem,
        circuit,
        backend=engine,
        optimizer=asked.optimizer,
        optimizer_options=options,
        seed=asked.seed,
        progress=False if asked.quiet or asked.json else None,
        comm=comm,
        **{name: getattr(asked, name) for name in PASSED_ON if getattr(asked, name) is not None},
    )
    _ = vqe.backend  # chosen here, by all ranks together and before anything is written
    if shown:
        print(circuit_summary(vqe.circuit), vqe.plan(), sep="\n", flush=True)
    return vqe


def _report(asked: argparse.Namespace, result: VQEResult) -> None:
    if asked.json:
        assert result.problem is not None
        print_json(json_result(result, dict(result.problem.references()), asked.plot))
        return
    print(result, flush=True)
    if asked.plot is not None:
        print(f"  plot         {asked.plot}", flush=True)


def _report_interrupted(asked: argparse.Namespace, comm: Comm, result: VQEResult) -> int:
    # No collective call from here on: the other ranks may be anywhere.
    if comm.is_root and asked.json:
        assert result.problem is not None
        references = {name: result.known.get(name) for name in ("hf", "ccsd", "casci")}
        print_json(json_result(result, references, None))
    energy = (
        f"the best energy so far is {result.energy:.10f} hartree"
        if math.isfinite(result.energy)
        else "no energy was evaluated yet"
    )
    code = ending.RESUMABLE if asked.run is not None else ending.INTERRUPTED
    return ending.end_all_ranks(f"interrupted; {energy}{_how_to_go_on(asked.run)}", code)


def _how_to_go_on(run: str | None) -> str:
    if not _has_journal(run):
        return ""
    return f"; all evaluations are kept in {run}, and the same command goes on from there"


def _has_journal(run: str | None) -> bool:
    from hybridq.journal.reader import JOURNAL

    return run is not None and (Path(run) / JOURNAL).exists()


def _check_plot(path: str | None) -> None:
    """Find out before the run that a plot cannot be written after it."""
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


def _write_plot(result: VQEResult, path: str | None) -> None:
    if path is not None:
        result.plot(path)
