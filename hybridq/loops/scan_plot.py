"""The plot of a scan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybridq.contract.errors import InputError
from hybridq.loops.plot import CHEMICAL_ACCURACY, STYLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hybridq.loops.scan_result import ScanResult


def plot_scan(result: ScanResult, path: str | Path | None = None) -> Figure:
    """Two panels: the curve with its references; the distance from CASCI, or the evaluations where CASCI is unknown.

    Raises:
        InputError: `path` cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    order = np.argsort(result.values)
    x, energies = result.values[order], result.energies[order]
    references = {name: values[order] for name, values in result.references.items()}
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for name, values in references.items():
        if not np.isnan(values).all():
            label, style = STYLES[name]
            left.plot(x, values, linestyle=style, color="0.35", linewidth=1, label=label)
    if len(x) >= 4:
        fine = np.linspace(x[0], x[-1], 400)
        left.plot(fine, result.spline()(fine), color="tab:blue", linewidth=1)
    errors = result.stderrs[order]
    left.errorbar(x, energies, errors if errors.any() else None, fmt="o", markersize=3.5, color="tab:blue", label="VQE")
    axis = f"{result.label} ({result.unit})" if result.unit else result.label
    left.set(xlabel=axis, ylabel="energy (hartree)")
    left.legend(frameon=False)
    left.ticklabel_format(useOffset=False)

    exact = references["casci"]
    if not np.isnan(exact).all():
        gaps = np.abs(energies - exact)
        right.semilogy(x, np.where(gaps > 0, gaps, np.nan), "o-", markersize=3.5, color="tab:blue")
        right.axhline(CHEMICAL_ACCURACY, linestyle=":", color="0.35", linewidth=1)
        right.annotate(
            "1 kcal/mol", (1, CHEMICAL_ACCURACY), xycoords=("axes fraction", "data"), ha="right", va="top", color="0.35"
        )
        right.set(xlabel=axis, ylabel="|VQE - CASCI| (hartree)")
    else:
        right.bar(x, result.evaluations[order], width=0.6 * np.min(np.diff(x), initial=np.inf), color="tab:blue")
        right.set(xlabel=axis, ylabel="evaluations")
    figure.suptitle(f"{result.ansatz} on {result.molecule}")
    if path is not None:
        try:
            figure.savefig(path, dpi=150)
        except (OSError, ValueError) as error:
            raise InputError(f"cannot write the plot {path}: {error}") from None
    return figure
