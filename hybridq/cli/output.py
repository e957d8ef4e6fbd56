"""What goes to stdout and stderr, and which of the ranks may write there."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from hybridq.contract.errors import HybridqError
from hybridq.contract.launcher import launch


def speaks() -> bool:
    """True on rank 0 and in a serial process; told by the launcher's environment, without any MPI call."""
    try:
        started = launch()
    except HybridqError:
        return True
    if started is None:
        return True
    if started.rank is not None:
        return started.rank == 0
    mpi = sys.modules.get("mpi4py.MPI")
    return mpi is None or not mpi.Is_initialized() or mpi.Is_finalized() or mpi.COMM_WORLD.Get_rank() == 0


def to_stderr(text: str) -> None:
    """One line on stderr, whatever line breaks `text` has."""
    with contextlib.suppress(OSError):
        print("hybridq: " + " ".join(text.split()), file=sys.stderr, flush=True)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout, in the strict sense: numbers that are not finite become null."""
    print(json.dumps(_strict(value), indent=1, allow_nan=False), flush=True)


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Send to stderr what the body, and the C libraries below it, print to stdout."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # stdout is closed: nothing to keep clean
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
