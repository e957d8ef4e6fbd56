"""The final point of a loop, and what every result tells about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.chem.problem import Problem
from hybridq.contract.task import OBSERVED, Circuit, Task
from hybridq.loops.driver import LimitReached, Loop, Point
from hybridq.loops.optimizers import Outcome
from hybridq.loops.result import History
from hybridq.loops.step import Step
from hybridq.planning import consider
from hybridq.provenance import provenance

if TYPE_CHECKING:
    from hybridq.loops.variational import Variational


def summary(
    run: Variational[Any],
    loop: Loop,
    history: list[Step],
    outcome: Outcome,
    circuit: Circuit,
    setup: float,
    *,
    evaluate: bool,
) -> dict[str, Any]:
    """The fields of a `VQEResult`; evaluates the final point where that is needed and `evaluate` allows it."""
    known = _final(loop, history, outcome, evaluate)
    seconds = dict(loop.watch.seconds)
    seconds["total"] = setup + loop.watch.total
    seconds["optimizer"] = max(0.0, seconds["total"] - sum(v for k, v in seconds.items() if k != "total"))
    return {
        "energy": known.energy,
        "stderr": known.stderr,
        "parameters": np.array(outcome.row),
        "converged": outcome.converged,
        "reason": outcome.reason,
        "iterations": loop.steps,
        "evaluations": loop.evaluations,
        "replayed": loop.ledger.replayed,
        "seconds": seconds,
        "history": _history(history),
        "backend": run.backend.name,
        "optimizer": run.optimizer.name,
        "ansatz": circuit.name,
        "n_parameters": circuit.n_parameters,
        "n_qubits": circuit.n_qubits,
        "molecule": run.problem.name,
        "n_electrons": (run.problem.n_alpha, run.problem.n_beta) if isinstance(run.problem, Problem) else (0, 0),
        "unit": "hartree" if isinstance(run.problem, Problem) else run.problem.unit,
        "predicted": _predicted(loop),
        "provenance": provenance(run.comm.size),
        "run": None if run.run_path is None else str(run.run_path),
        "problem": run.problem,
        "circuit": circuit,
        "known": dict(run.problem.known),
        "_backend": run.backend,
    }


def _predicted(loop: Loop) -> dict[str, float]:
    """What the backend predicted for the rows that this life computed; empty where it cannot tell."""
    at = loop.evaluator
    seconds, most = 0.0, 0
    for driver in OBSERVED:
        rows = loop.ledger.computed[driver]
        if not rows:
            continue
        task = Task(at.circuit, at.circuit.start, at.observable, driver, at.precision, at.shots)
        cost = consider(at.backend, task).cost
        if cost is None:
            return {}
        seconds += rows * cost.seconds
        most = max(most, cost.bytes)
    return {"seconds": seconds, "bytes": most} if seconds else {}


def stopped(loop: Loop, history: list[Step], reason: str) -> Outcome:
    """The best point of exact values; of noisy ones the last step, since the lowest value is the luckiest."""
    if loop.evaluator.noisy and history:
        return Outcome(history[-1].row, False, reason)
    assert loop.best is not None
    return Outcome(loop.best.row, False, reason)


def _final(loop: Loop, history: list[Step], outcome: Outcome, evaluate: bool) -> Point:
    """The value at the final row; where it may not be evaluated, the nearest that is known."""
    assert loop.best is not None
    if evaluate:
        try:
            return loop.closing(outcome.row)
        except LimitReached:
            pass
    if loop.evaluator.noisy and history:
        return Point(history[-1].row, history[-1].energy, history[-1].stderr, None)
    return loop.best


def _history(steps: list[Step]) -> History:
    return History(
        tuple(s.energy for s in steps),
        tuple(s.stderr for s in steps),
        tuple(s.gradient for s in steps),
        tuple(s.evaluations for s in steps),
        tuple(round(s.seconds, 6) for s in steps),
    )
