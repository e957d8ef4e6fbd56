"""``hybridq vqe --dry-run``: what hardware would be sent."""

from __future__ import annotations

from typing import Any

from hybridq.cli.output import print_json

SUMMED = ("qpu_seconds", "dollars")


def show(requests: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print the first evaluation's jobs: sizes and prices, and with `as_json` every program and value too."""
    total: dict[str, Any] = {
        "jobs": len(requests),
        "circuits": sum(len(one["circuits"]) for one in requests),
        "shots": sum(circuit["shots"] for one in requests for circuit in one["circuits"]),
        **{name: sum(one[name] for one in requests) for name in SUMMED},
    }
    if as_json:
        print_json({"first_evaluation": total, "requests": requests})
        return
    print(
        f"dry run: nothing was sent. The first evaluation would send {total['jobs']} jobs with {total['circuits']} "
        f"circuits and {total['shots']:,} shots, {total['qpu_seconds']:,.3g} s of QPU, ${total['dollars']:,.2f}"
    )
    for k, one in enumerate(requests):
        shots = sorted({circuit["shots"] for circuit in one["circuits"]})
        spread = f"{shots[0]:,}" if len(shots) == 1 else f"{shots[0]:,} to {shots[-1]:,}"
        print(f"  job {k + 1} to {one['device']}: {len(one['circuits'])} circuits of {spread} shots")
    print("  --json shows every program (OpenQASM 3) with its values", flush=True)
