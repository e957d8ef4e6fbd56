"""``hybridq adapt``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hybridq.cli import ending
from hybridq.cli.engine import asked_backend
from hybridq.cli.inputs import make_problem
from hybridq.cli.options import as_budget, as_options
from hybridq.cli.running import run_loop

if TYPE_CHECKING:
    from hybridq.comm import Comm
    from hybridq.loops.adapt import ADAPT

PASSED_ON = (
    "batch",
    "batch_ratio",
    "pool_tolerance",
    "max_operators",
    "precision",
    "shots",
    "max_iterations",
    "max_evaluations",
    "energy_tolerance",
    "gradient_tolerance",
    "run",
)


def run(asked: argparse.Namespace) -> int:
    """Grow a circuit and report it; every rank comes here, rank 0 writes.

    Raises:
        HybridqError: whatever went wrong, by remedy.
    """
    from hybridq.comm import world

    comm = world()
    return run_loop(asked, comm, lambda: _prepare(asked, comm), asked.run)


def _prepare(asked: argparse.Namespace, comm: Comm) -> ADAPT:
    from hybridq.loops.adapt import ADAPT
    from hybridq.loops.optimizers import optimizer
    from hybridq.registry import pool

    # All names are looked up before SCF, which may take minutes.
    operators = pool(asked.pool, **as_options(asked.pool_option))
    options = as_options(asked.optimizer_option)
    if asked.optimizer.lower() != "auto":
        optimizer(asked.optimizer, **options)
    engine = asked_backend(asked)
    problem = comm.once(lambda: make_problem(asked))
    shown = comm.is_root and not asked.json and not asked.quiet
    if shown:
        print(problem, flush=True)
    adapt = ADAPT(
        problem,
        operators,
        disjoint=asked.disjoint,
        backend=engine,
        optimizer=asked.optimizer,
        optimizer_options=options,
        seed=asked.seed,
        budget=as_budget(asked.budget),
        wall_time=ending.seconds_left(asked.wall_time),
        progress=False if asked.quiet or asked.json else None,
        comm=comm,
        **{name: getattr(asked, name) for name in PASSED_ON if getattr(asked, name) is not None},
    )
    if shown:
        print(f"pool {asked.pool}: {len(adapt.pool)} operators; backend {adapt.backend.name}", flush=True)
    return adapt
