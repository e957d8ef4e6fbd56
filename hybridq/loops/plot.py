"""Plots of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hybridq.loops.result import VQEResult

STYLES = {"hf": ("HF", ":"), "ccsd": ("CCSD", "--"), "casci": ("CASCI", "-")}
CHEMICAL_ACCURACY = 1.594e-3  # 1 kcal/mol in hartree


def plot_history(result: VQEResult, known: Mapping[str, float | None], path: str | Path | None = None) -> Figure:
    """`plot_energies` of a result.

    Raises:
        InputError: `path` cannot be written.
    """
    return plot_energies(result.history.energies, known, f"{result.ansatz} on {result.molecule}", path)


def plot_energies(
    energies: Sequence[float],
    known: Mapping[str, float | None],
    title: str,
    path: str | Path | None = None,
    *,
    label: str = "VQE",
) -> Figure:
    """Two panels: energy by iteration with references; distance to the best reference, logarithmic.

    Raises:
        InputError: `path` cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = range(1, len(energies) + 1)
    references = {k: v for k, v in known.items() if v is not None}
    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.plot(steps, energies, "o-", markersize=3, color="tab:blue", label=label)
    for name, value in references.items():
        shown, style = STYLES.get(name, (name, "-."))
        left.axhline(value, linestyle=style, color="0.35", linewidth=1, label=shown)
    left.set(xlabel="iteration", ylabel="energy (hartree)")
    left.legend(frameon=False)
    left.ticklabel_format(useOffset=False)

    exact = references.get("casci")
    floor = exact if exact is not None else min(energies, default=0.0)
    gaps = [(k, e - floor) for k, e in zip(steps, energies, strict=True) if e - floor > 0]
    right.semilogy([k for k, _ in gaps], [g for _, g in gaps], "o-", markersize=3, color="tab:blue")
    right.axhline(CHEMICAL_ACCURACY, linestyle=":", color="0.35", linewidth=1)
    right.annotate(
        "1 kcal/mol", (1, CHEMICAL_ACCURACY), xycoords=("axes fraction", "data"), ha="right", va="top", color="0.35"
    )
    right.set(xlabel="iteration", ylabel="above CASCI (hartree)" if exact is not None else "above the lowest (hartree)")
    figure.suptitle(title)
    if path is not None:
        try:
            figure.savefig(path, dpi=150)
        except (OSError, ValueError) as error:
            raise InputError(f"cannot write the plot {path}: {error}") from None
    return figure
