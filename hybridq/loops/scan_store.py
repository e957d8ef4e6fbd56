"""What a scan keeps in its run folder beside its journal: problems, and a folder for each point."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridq.chem import problem_file
from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError
from hybridq.journal import Journal, RunFolder, read_journal
from hybridq.journal.reader import JOURNAL, describe_difference
from hybridq.journal.record import as_json
from hybridq.loops.resume import is_finished
from hybridq.qubits.problem import QubitProblem

if TYPE_CHECKING:
    from hybridq.loops.result import VQEResult
    from hybridq.loops.scan_result import ScanPoint


@dataclass(frozen=True)
class Prepared:
    """A problem with the reference energies that it knows, and why it lacks the others."""

    problem: Problem | QubitProblem
    missing: dict[str, str] = field(default_factory=dict)


class Store:
    """The folder of a scan; several ranks write, each its own files, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, spec: dict[str, Any]) -> RunFolder:
        """Become the writer of the scan's journal, on rank 0; see `RunFolder` for what it raises."""
        folder = RunFolder(self.path, spec)
        try:
            for part in ("problems", "points"):
                (self.path / part).mkdir(exist_ok=True)
        except OSError as error:
            folder.close()
            raise InputError(f"cannot write the run folder {self.path}: {error.strerror or error}") from None
        return folder

    def point(self, number: int) -> Path:
        """The run folder of a point."""
        return self.path / "points" / f"{number:04d}"

    def has_problem(self, number: int) -> bool:
        """Whether an earlier life has made this problem."""
        return self._problem(number).is_file()

    def read_problem(self, number: int) -> Prepared:
        """The problem of a point as it was made, before alignment.

        Raises:
            InputError: the file is not what `write_problem` wrote.
        """
        path = self._problem(number)
        try:
            data = json.loads(path.read_text())
            return Prepared(problem_file.from_text(json.dumps(data["problem"])), dict(data["missing"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged: {error}; remove it, and the problem is made again") from None

    def write_problem(self, number: int, made: Prepared) -> None:
        """Keep a problem; the same bits come back."""
        missing = json.dumps(made.missing)
        write_whole(self._problem(number), f'{{"problem":{problem_file.to_text(made.problem)},"missing":{missing}}}\n')

    def begun(self, number: int) -> Journal | None:
        """The journal of a point that was begun, else None."""
        path = self.point(number) / JOURNAL
        return read_journal(path) if path.is_file() else None

    def finished(self, number: int, spec: dict[str, Any]) -> VQEResult | None:
        """The result of a point that came to its end under this spec; None where it has to go on."""
        from hybridq.loops.result import VQEResult

        journal = self.begun(number)
        if journal is None or not is_finished(journal) or describe_difference(journal.spec, as_json(spec)) is not None:
            return None
        result = self.point(number) / "result.json"
        return VQEResult.from_json(result) if result.is_file() else None

    def write_point(self, number: int, point: ScanPoint) -> None:
        """Keep what the scan says of a point, in the point's folder."""
        write_whole(self.point(number) / "point.json", json.dumps(point.to_dict(), indent=1) + "\n")

    def points(self, n: int) -> dict[int, ScanPoint]:
        """The points that are done, by number."""
        from hybridq.loops.scan_result import ScanPoint

        files = {k: self.point(k) / "point.json" for k in range(n)}
        return {k: ScanPoint.from_dict(json.loads(file.read_text())) for k, file in files.items() if file.is_file()}

    def all_finished(self, n: int) -> bool:
        """True where every point came to its own end, and none was cut off by a limit."""
        journals = (self.begun(k) for k in range(n))
        return all(journal is not None and is_finished(journal) for journal in journals)

    def _problem(self, number: int) -> Path:
        return self.path / "problems" / f"{number:04d}.json"


def write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
