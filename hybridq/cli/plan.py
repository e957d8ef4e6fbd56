"""``hybridq plan``: what each backend predicts for a calculation."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict
from typing import Any

from hybridq.cli import ending
from hybridq.cli.engine import asked_backend
from hybridq.cli.options import as_options
from hybridq.cli.output import print_json, stdout_kept_clean
from hybridq.cli.qubit_inputs import any_problem, named_circuit
from hybridq.contract.errors import CapacityError


def run(asked: argparse.Namespace) -> int:
    """Show the plan; runs nothing.

    Raises:
        CapacityError: no backend can do the calculation; the plan says why and was printed.
        HybridqError: whatever else went wrong, by remedy.
    """
    from hybridq.comm import world

    # One process is enough, so rank 0 does it alone and the others hear how it went.
    world().once(lambda: _on_root(asked))
    return ending.OK


def _on_root(asked: argparse.Namespace) -> None:
    from hybridq.cli.vqe import circuit_summary
    from hybridq.contract.task import Task
    from hybridq.loops.vqe import observable_for
    from hybridq.planning import plan, plan_on
    from hybridq.registry import Ansatz

    with stdout_kept_clean() if asked.json else contextlib.nullcontext():
        named = named_circuit(asked)
        engine = asked_backend(asked)  # a name that does not exist is an error, not a refusal
        gradient = _uses_gradient(asked)
        problem = any_problem(asked)
        circuit = named.build(problem) if isinstance(named, Ansatz) else named
        task = Task(
            circuit,
            circuit.start,
            observable_for(problem, circuit),
            "gradient" if gradient else "energy",
            asked.precision,
            asked.shots,
            asked.seed,
        )
        made = plan(task) if isinstance(engine, str) else plan_on(engine, task)
    if asked.json:
        candidates: list[dict[str, Any]] = [asdict(candidate) for candidate in made.candidates]
        print_json(
            {
                "what": made.what,
                "chosen": made.chosen,
                "candidates": candidates,
                "problem": problem.name,
                "circuit": circuit.name,
                "n_parameters": circuit.n_parameters,
                "n_qubits": circuit.n_qubits,
            }
        )
    else:
        print(problem, circuit_summary(circuit), made, sep="\n", flush=True)
    if made.chosen is None:
        raise CapacityError("no backend can do this; the plan on stdout says what each one lacks")


def _uses_gradient(asked: argparse.Namespace) -> bool:
    from hybridq.loops.optimizers import optimizer

    if asked.optimizer.lower() == "auto":
        return asked.shots is None and asked.precision is None
    return bool(optimizer(asked.optimizer, **as_options(asked.optimizer_option)).uses_gradient)
