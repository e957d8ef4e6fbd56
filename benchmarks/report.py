"""Whether the peers agree, and the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from benchmarks.peer_list import PEERS
from benchmarks.running import Record

TOLERANCE = 1e-9  # hartree, and hartree per radian
VQE_TOLERANCE = 1e-6  # hartree
REFERENCE = "hybridq"

TITLES = {peer.name: peer.title for peer in PEERS}


def disagreements(records: Sequence[Record]) -> list[str]:
    """One line for each molecule on which energies or gradients of any two records differ by more than 1e-9."""
    lines = []
    for molecule, group in _by_molecule(records):
        energies = np.array([r.values["energy"] for r in group])
        gradients = [np.asarray(r.values["gradient"]) for r in group]
        names = [label(r) for r in group]
        if len({g.shape for g in gradients}) > 1:
            lines.append(f"{molecule}: gradients of lengths {sorted({len(g) for g in gradients})}")
            continue
        table = np.stack(gradients)
        for what, values in (("energies", energies[:, None]), ("gradients", table)):
            # A nan is greater than nothing, so ask for what must hold.
            spread = values.max(axis=0) - values.min(axis=0)
            if not (spread <= TOLERANCE).all():
                worst = int(np.argmax(np.where(np.isnan(spread), np.inf, spread)))
                low, high = int(values[:, worst].argmin()), int(values[:, worst].argmax())
                lines.append(
                    f"{molecule}: {what} differ by {spread[worst]:.2e} (more than {TOLERANCE:.0e}), "
                    f"{names[low]} against {names[high]}"
                )
    return lines


def spreads(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """For each molecule: how many records agree, and their largest differences."""
    found = {}
    for molecule, group in _by_molecule(records):
        energies = np.array([r.values["energy"] for r in group])
        gradients = np.array([r.values["gradient"] for r in group])
        found[molecule] = {
            "peers": sorted({r.peer for r in group}),
            "energy": float(np.ptp(energies)),
            "gradient": float(np.ptp(gradients, axis=0).max()),
        }
    return found


def vqe_failures(records: Sequence[Record], optima: Mapping[str, float]) -> list[str]:
    """One line for each finished optimization that ended more than 1e-6 hartree from the optimum.

    `optima` has the optimum of each molecule, hartree; the lowest energy of `records` stands in for a missing one.
    """
    lines = []
    for molecule, group in _by_molecule(records):
        optimum = optima.get(molecule, min(r.values["energy"] for r in group))
        for r in group:
            gap = r.values["energy"] - optimum
            if not abs(gap) <= VQE_TOLERANCE:
                lines.append(f"{molecule}: {label(r)} ended {gap:+.1e} hartree from the optimum {optimum:.8f}")
    return lines


def markdown(header: dict[str, Any], records: Sequence[Record], vqe: Sequence[Record]) -> str:
    """The report: what was run on what, then one table for each quantity."""
    molecules = list(header["molecules"])
    parts = ["# hybridq beside its peers", ""]
    parts += [f"- {key}: {value}" for key, value in header.items() if isinstance(value, str | int | float)]
    parts += ["- problems:"] + [f"    - {name}: {text}" for name, text in header["molecules"].items()]
    parts += ["", _NOTES]
    if records:
        parts += ["## One energy with its whole gradient, repeated call, milliseconds (median)", ""]
        parts += _table(molecules, records, lambda r: _number(1e3 * r.seconds), show_missing=True)
        parts += ["## How many times hybridq's best time", ""]
        parts += _table(molecules, records, lambda r: _ratio(r, records))
        parts += ["## Set-up: import and build, seconds", ""]
        parts += _table(molecules, records, lambda r: _number(r.values["import_s"] + r.values["build_s"]))
        parts += ["## Set-up and first call, seconds", ""]
        parts += _table(molecules, records, lambda r: _number(sum(r.values[k] for k in _TO_FIRST)))
        parts += ["## Peak memory of the process, MiB", ""]
        parts += _table(molecules, records, lambda r: f"{r.values['peak_bytes'] / 2**20:,.0f}")
        parts += ["## Largest difference between any two of them", ""]
        parts += ["| molecule | peers | energy, hartree | gradient component |", "|---|---|---|---|"]
        for molecule, s in spreads(records).items():
            parts.append(f"| {molecule} | {len(s['peers'])} | {s['energy']:.1e} | {s['gradient']:.1e} |")
        parts.append("")
    if vqe:
        parts += ["## From the start of the process to a converged energy", "", _VQE_NOTES]
        parts += ["| molecule | peer | threads | process, s | optimization, s | calls | energy, hartree |"]
        parts += ["|---|---|---|---|---|---|---|"]
        for r in vqe:
            if r.status == "ok":
                v = r.values
                figures = f"{v['wall_s']:.2f} | {v['optimize_s']:.3f} | {v['evaluations']} | {v['energy']:.8f}"
            else:
                figures = f"{r.status}: {r.reason} | | |"
            parts.append(f"| {r.molecule} | {label(r)} | {r.threads} | {figures} |")
        parts.append("")
        parts += [f"Optimum of {name}: {energy:.8f} hartree.\n" for name, energy in header.get("optima", {}).items()]
    missing = [r for r in records if r.status != "ok"]
    if missing:
        parts += ["## Not measured", ""]
        parts += [f"- {r.molecule}, {label(r)}, threads {r.threads}: {r.status}: {r.reason}" for r in missing]
        parts.append("")
    return "\n".join(parts)


def label(record: Record) -> str:
    """Peer and engine for people."""
    return f"{TITLES.get(record.peer, record.peer)}, {record.engine}"


_TO_FIRST = ("import_s", "build_s", "first_s")

_NOTES = """\
Every row computes the same product of exponentials at the same parameters, exactly and in double precision, one
process at a time; repeated calls have other parameters each time. A cell shows the best of the numbers of threads
that were tried. Set-up of the qubit peers includes the Jordan-Wigner encoding. JAX compiles during set-up. hybridq
keeps its compiled kernels on disk; its very first call, above, is longer where they were not there yet. "limit"
is a worker that was ended, "-" one that was not started or failed; the reasons are at the end.
"""

_VQE_NOTES = """\
SciPy's L-BFGS-B from the first-order Moller-Plesset amplitudes, the same for all, until no gradient component
exceeds 1e-5 hartree. The time of the process includes the start of Python, imports, compilation and set-up.
"""


def _by_molecule(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    done = [r for r in records if r.status == "ok"]
    order = list(dict.fromkeys(r.molecule for r in done))
    done.sort(key=lambda r: order.index(r.molecule))
    return [(molecule, list(group)) for molecule, group in groupby(done, key=lambda r: r.molecule)]


def _best(records: Sequence[Record]) -> Record | None:
    done = [r for r in records if r.status == "ok"]
    return min(done, key=lambda r: r.seconds) if done else None


def _table(
    molecules: Sequence[str], records: Sequence[Record], cell: Callable[[Record], str], *, show_missing: bool = False
) -> list[str]:
    lines = ["| | " + " | ".join(molecules) + " |", "|---" * (len(molecules) + 1) + "|"]
    for peer, engine in dict.fromkeys((r.peer, r.engine) for r in records):
        cells = []
        for molecule in molecules:
            own = [r for r in records if (r.peer, r.engine, r.molecule) == (peer, engine, molecule)]
            best = _best(own)
            if best is not None:
                cells.append(cell(best))
            else:
                cells.append("limit" if show_missing and any(r.status == "limit" for r in own) else "-")
        lines.append(f"| {TITLES.get(peer, peer)}, {engine} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _ratio(record: Record, records: Sequence[Record]) -> str:
    reference = _best([r for r in records if r.peer == REFERENCE and r.molecule == record.molecule])
    return "-" if reference is None else f"{record.seconds / reference.seconds:.3g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
