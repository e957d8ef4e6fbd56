"""A run as tables: steps, evaluations, parameters, growths or points, with all digits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridq.contract.errors import InputError, unknown_name
from hybridq.loops.inspection.describing import describe
from hybridq.loops.inspection.run_status import SCHEMA_VERSION
from hybridq.loops.inspection.snapshot import Snapshot, rows_of, take

Row = tuple[Any, ...]
STEP = ("number", "energy", "stderr", "best", "gradient", "evaluations", "seconds")
EVALUATION = ("n", "driver", "row", "energy", "stderr", "seconds")


@dataclass(frozen=True)
class Table:
    """Rows under named columns; None where a value is not known.

    Attributes:
        run: the run folder.
        what: its name in `TABLES`.
        columns: their names.
        rows: one tuple each, as long as `columns`.
    """

    run: str
    what: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def to_csv(self) -> str:
        """As CSV with a line of column names; empty where a value is not known, and lists joined by "; "."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[_cell(value) for value in row] for row in self.rows])
        return text.getvalue()

    def to_json(self) -> str:
        """As one JSON object: `rows` is a list of objects by column."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        whole = {"schema_version": SCHEMA_VERSION, "run": self.run, "what": self.what, "rows": rows}
        return json.dumps(whole, indent=1, allow_nan=False) + "\n"


def table(path: str | Path, what: str | None = None) -> Table:
    """A table of a run. Only reads, and may do so while the run goes on.

    Args:
        path: the run folder.
        what: "steps"; "evaluations", one row for each row of parameters; "parameters", the same with the parameters
            (radians); "growths" of an ADAPT-VQE; "points" of a scan. None takes the steps, and of a scan the points.

    Raises:
        InputError: no such table in this run, or there is no run, or it is damaged.
        JournalMismatch: a newer hybridq wrote it.
    """
    seen = take(path)
    wanted = what or ("points" if seen.loop == "scan" else "steps")
    if wanted not in TABLES:
        raise unknown_name("table of a run", wanted, TABLES)
    if (seen.loop == "scan") != (wanted == "points"):
        there = "points" if seen.loop == "scan" else ", ".join(name for name in TABLES if name != "points")
        hint = "; a point of a scan is a run of its own, below points" if seen.loop == "scan" else ""
        raise InputError(f"{seen.folder} is a run of {seen.loop!r} and has no {wanted}; it has {there}{hint}")
    columns, rows = TABLES[wanted](seen)
    return Table(str(seen.folder), wanted, columns, tuple(rows))


def _steps(seen: Snapshot) -> tuple[tuple[str, ...], Sequence[Row]]:
    return STEP, [tuple(record.get(name) for name in STEP) for record in seen.journal.of_kind("step")]


def _evaluations(seen: Snapshot) -> tuple[tuple[str, ...], Sequence[Row]]:
    return EVALUATION, [row for row, _ in _with_parameters(seen)]


def _parameters(seen: Snapshot) -> tuple[tuple[str, ...], Sequence[Row]]:
    """Rows of a growing circuit have different lengths: the shorter ones are filled up with None."""
    found = _with_parameters(seen)
    n = max((len(parameters) for _, parameters in found), default=0)
    columns = (*EVALUATION, *(f"parameter_{k}" for k in range(n)))
    return columns, [(*row, *parameters, *[None] * (n - len(parameters))) for row, parameters in found]


def _with_parameters(seen: Snapshot) -> list[tuple[Row, list[float]]]:
    return [
        ((record.get("n"), record.get("driver"), k, energy, error, record.get("seconds")), parameters)
        for record in seen.journal.of_kind("evaluation")
        for k, (parameters, energy, error) in enumerate(rows_of(record))
    ]


def _growths(seen: Snapshot) -> tuple[tuple[str, ...], Sequence[Row]]:
    columns = ("number", "energy", "gradient", "n_parameters", "labels")
    return columns, [tuple(record.get(name) for name in columns) for record in seen.journal.of_kind("growth")]


def _points(seen: Snapshot) -> tuple[tuple[str, ...], Sequence[Row]]:
    columns = ("number", "value", "state", "energy", "evaluations", "seconds")
    return columns, [tuple(getattr(point, name) for name in columns) for point in describe(seen).points]


def _cell(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else value


TABLES: dict[str, Callable[[Snapshot], tuple[tuple[str, ...], Sequence[Row]]]] = {
    "steps": _steps,
    "evaluations": _evaluations,
    "parameters": _parameters,
    "growths": _growths,
    "points": _points,
}
