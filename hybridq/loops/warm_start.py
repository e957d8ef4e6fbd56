"""The best point of an earlier run, as the start of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.task import Circuit
from hybridq.journal import read_journal
from hybridq.journal.reader import JOURNAL


def best_row(path: Path, circuit: Circuit) -> NDArray[np.float64]:
    """The row of lowest energy in a run folder, shape (n_parameters,), radians.

    The run may have had another problem, optimizer or backend, but must have had this circuit: parameters of
    another one mean something else.

    Raises:
        InputError: no run there, nothing evaluated in it, or a run of another circuit.
    """
    journal = read_journal(path / JOURNAL)
    if journal is None:
        raise InputError(f"the run in {path} has no record yet; there is nothing to start from")
    theirs = str(journal.spec.get("circuit", ""))
    if theirs != circuit.digest:
        raise InputError(
            f"the run in {path} has another circuit ({theirs[:12] or 'none of its own'}) than this one "
            f"({circuit.digest[:12]}, {circuit.name}); its parameters mean something else here"
        )
    best: tuple[float, list[float]] | None = None
    for record in journal.of_kind("evaluation"):
        k = int(np.argmin(record["energies"]))
        if best is None or record["energies"][k] < best[0]:
            best = record["energies"][k], record["rows"][k]
    if best is None:
        raise InputError(f"the run in {path} has evaluated nothing yet; there is nothing to start from")
    return np.array(best[1], dtype=np.float64)


def first_row(path: Path, circuit: Circuit) -> NDArray[np.float64] | None:
    """Where the run in a folder began, shape (n_parameters,), radians; None where there is no run of this circuit.

    Raises:
        InputError, JournalMismatch: its journal is damaged, or a newer hybridq wrote it.
    """
    file = path / JOURNAL
    journal = read_journal(file) if file.is_file() else None
    if journal is None or journal.spec.get("circuit") != circuit.digest:
        return None
    return np.array(journal.spec["start"], dtype=np.float64)
