"""``hybridq vqe``."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from hybridq.cli import dry_run, ending, plan
from hybridq.cli.engine import asked_backend
from hybridq.cli.options import as_budget, as_options
from hybridq.cli.output import stdout_kept_clean
from hybridq.cli.qubit_inputs import any_problem, named_circuit
from hybridq.cli.running import run_loop

if TYPE_CHECKING:
    from hybridq.comm import Comm
    from hybridq.contract.task import Circuit
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

    comm = world()
    if asked.dry_run:
        comm.once(lambda: _dry_run(asked))
        return ending.OK
    return run_loop(asked, comm, lambda: _prepare(asked, comm), asked.run)


def _dry_run(asked: argparse.Namespace) -> None:
    """On rank 0 alone, as nothing is computed."""
    from hybridq.comm import Comm

    asked.run = None  # nothing is recorded either
    with stdout_kept_clean() if asked.json else contextlib.nullcontext():
        requests = _prepare(asked, Comm()).requests()
    dry_run.show(requests, as_json=asked.json)


def circuit_summary(circuit: Circuit) -> str:
    """Sizes and notes of a circuit, for people."""
    from hybridq.contract.qubit_circuit import QubitCircuit

    parts = f"{len(circuit.gates)} gates" if isinstance(circuit, QubitCircuit) else f"{len(circuit.factors)} factors"
    lines = [f"{circuit.name}: {circuit.n_parameters} parameters, {parts}, {circuit.n_qubits} qubits"]
    return "\n".join([*lines, *(f"  note        {note}" for note in circuit.notes)])


def _prepare(asked: argparse.Namespace, comm: Comm) -> VQE:
    from hybridq.loops.optimizers import optimizer
    from hybridq.loops.vqe import VQE

    # All names are looked up before SCF, which may take minutes.
    circuit = named_circuit(asked)
    options = as_options(asked.optimizer_option)
    if asked.optimizer.lower() != "auto":
        optimizer(asked.optimizer, **options)
    engine = asked_backend(asked)
    problem = comm.once(lambda: any_problem(asked))
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
        budget=as_budget(asked.budget),
        initial=asked.start_from,
        wall_time=ending.seconds_left(asked.wall_time),
        progress=False if asked.quiet or asked.json else None,
        comm=comm,
        **{name: getattr(asked, name) for name in PASSED_ON if getattr(asked, name) is not None},
    )
    _ = vqe.backend  # chosen here, by all ranks together and before anything is written
    if shown:
        print(circuit_summary(vqe.circuit), vqe.plan(), sep="\n", flush=True)
    return vqe
