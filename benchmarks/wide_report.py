"""Wide circuits: whether the engines agree, and the tables."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

TOLERANCE = 1e-8
REFERENCE = "hybridq"
TITLES = {
    "hybridq": "hybridq tensornet",
    "hybridq-mps": "hybridq tensornet:mps",
    "hybridq-aer": "Aer's MPS through hybridq",
    "aer": "Aer's MPS",
    "tensorcircuit": "TensorCircuit-NG, light cones",
    "tensorcircuit-mpo": "TensorCircuit-NG, MPO",
    "quimb": "quimb + cotengra",
    "quimb-mps": "quimb's MPS",
}
PARTS = {"energy": "One energy", "gradient": "One energy with its whole gradient"}


def disagreements(name: str, records: list[dict[str, Any]]) -> list[str]:
    """One line for each turn whose energies differ by more than 1e-8, and one for gradients."""
    done = [record for record in records if "energy" in record]
    lines = []
    for turn in range(1 + max((len(record["energies"]) for record in done), default=0)):
        series = {f"{r['engine']} {r['part']}": [r["energy"], *r["energies"]] for r in done}
        energies = {key: values[turn] for key, values in series.items() if turn < len(values)}
        # A nan is greater than nothing, so ask for what must hold.
        if (
            not max(energies.values()) - min(energies.values()) <= TOLERANCE
            or not np.isfinite(list(energies.values())).all()
        ):
            lines.append(f"{name}, turn {turn}: energies {energies}")
    slopes = {record["engine"]: np.asarray(record["gradient"]) for record in done if "gradient" in record}
    if slopes:
        table = np.stack(list(slopes.values()))
        if not np.ptp(table, axis=0).max() <= TOLERANCE:
            lines.append(f"{name}: gradients of {', '.join(slopes)} differ by {np.ptp(table, axis=0).max():.1e}")
    return lines


def repeated(record: dict[str, Any]) -> float | None:
    """Median of the repeated calls, seconds."""
    return float(statistics.median(record["calls_s"])) if record.get("calls_s") else None


def shown(record: dict[str, Any]) -> str:
    """First call with importing, searching and compiling / repeated call, or why there is none."""
    if "first_s" not in record:
        return str(record.get("why", "-"))
    again = repeated(record)
    return f"{seconds(record['build_s'] + record['first_s'])} / {'-' if again is None else seconds(again)}"


def seconds(value: float) -> str:
    """Three digits and a unit."""
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def tables(records: list[dict[str, Any]], engines: list[str]) -> str:
    """Markdown: for each part the times, and how many times hybridq's repeated call."""
    by = {(r["case"], r["observable"], r["engine"], r["part"]): r for r in records}
    rows = list(dict.fromkeys((r["case"], r["observable"]) for r in records))
    lines = []
    for part, title in PARTS.items():
        columns = [e for e in engines if any((*row, e, part) in by for row in rows)]
        if not columns:
            continue
        lines += [f"## {title}: first call / repeated call", "", *_head(columns)]
        for row in rows:
            cells = [shown(by[*row, e, part]) if (*row, e, part) in by else "-" for e in columns]
            lines.append(f"| {row[0]} | {row[1]} | " + " | ".join(cells) + " |")
        others = [e for e in columns if e != REFERENCE]
        if REFERENCE in columns and others:
            lines += ["", f"## {title}: repeated call, in units of hybridq's", "", *_head(others)]
            for row in rows:
                cells = [_ratio(by.get((*row, e, part)), by.get((*row, REFERENCE, part))) for e in others]
                lines.append(f"| {row[0]} | {row[1]} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _head(columns: list[str]) -> list[str]:
    names = [TITLES.get(e, e) for e in columns]
    return ["| circuit | observable | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]


def _ratio(theirs: dict[str, Any] | None, ours: dict[str, Any] | None) -> str:
    a, b = (None if r is None else repeated(r) for r in (theirs, ours))
    return "-" if a is None or b is None else f"{a / b:.3g}"
