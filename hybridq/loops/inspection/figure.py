"""The plot of a run, made from its records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hybridq.contract.errors import InputError
from hybridq.loops.inspection.describing import describe
from hybridq.loops.inspection.snapshot import Snapshot, take
from hybridq.loops.plot import plot_energies

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hybridq.loops.scan_result import ScanResult

LABELS = {"vqe": "VQE", "adapt": "ADAPT"}


def plot_run(path: str | Path, output: str | Path | None = None) -> Figure:
    """The convergence of a run as far as it came; of a scan the curve. Saved where `output` is given.

    Raises:
        InputError: nothing to plot yet, there is no run, it is damaged, or `output` cannot be written.
        JournalMismatch: a newer hybridq wrote it.
    """
    seen = take(path)
    if seen.loop == "scan":
        return _curve(seen).plot(output)
    steps = seen.journal.of_kind("step")
    energies = [record["energy"] for record in steps if record.get("energy") is not None]
    if not energies:
        raise InputError(f"the run in {seen.folder} has no step yet; there is nothing to plot")
    run = describe(seen)
    title = f"{run.circuit or run.loop} on {run.molecule or 'unknown molecule'}"
    return plot_energies(energies, run.references, title, output, label=LABELS.get(run.loop, run.loop))


def _curve(seen: Snapshot) -> ScanResult:
    """The scan's result, or what its finished points make of it so far."""
    from hybridq.loops.result import VQEResult
    from hybridq.loops.scan_result import ScanResult
    from hybridq.loops.scan_store import Store

    written = seen.folder / "scan.json"
    result = ScanResult.from_json(written) if written.is_file() else None
    store = Store(seen.folder)
    points = store.points(len(seen.journal.spec.get("values") or []))
    if result is not None and len(result.points) >= len(points):
        return result
    if not points:
        raise InputError(f"the scan in {seen.folder} has no finished point yet; there is nothing to plot")
    lowest = min(points, key=lambda number: points[number].energy)
    one = VQEResult.from_json(store.point(lowest) / "result.json")
    done = tuple(points[number] for number in sorted(points))
    return ScanResult(done, "r", "", one.molecule, one.ansatz, one.backend, one.optimizer, {})
