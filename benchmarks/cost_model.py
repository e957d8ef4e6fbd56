"""Predicted against measured seconds and bytes of the sector engine, on rates measured on this host.

    python benchmarks/cost_model.py

Prints a table and writes benchmarks/results/cost_model.json; exits 1 where a prediction of seconds is off by more
than a factor of two or one of bytes by a single byte.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from hybridq.contract.task import Task
from hybridq_sector.backend import SectorBackend
from hybridq_sector.calibrate import calibrate, probe

SIZES = ((4, 2), (6, 3), (8, 3), (8, 4), (9, 4), (10, 5), (11, 5), (12, 6))
RESULTS = Path(__file__).parent / "results" / "cost_model.json"


def main() -> int:
    rates = calibrate()
    rows, failed = [], False
    print("electrons orbitals    driver  predicted ms   measured ms  ratio         bytes")
    for n, k in SIZES:
        circuit, h = probe(n, k)
        backend = SectorBackend(rates=rates)
        row = np.full(circuit.n_parameters, 0.03)
        for driver in ("energy", "gradient"):
            task = Task(circuit, row, h, driver)
            cost = backend.cost([task])
            backend.submit([task])
            times = []
            for _ in range(7):
                started = time.perf_counter()
                backend.submit([task])
                times.append(time.perf_counter() - started)
            measured = statistics.median(times)
            engine = backend._engine(circuit, h)
            held = engine.nbytes + engine.program.nbytes + engine.sigma.nbytes
            ratio = cost.seconds / measured
            failed |= not 0.5 <= ratio <= 2 or cost.bytes != held
            times_shown = f"{1e3 * cost.seconds:>13.3f} {1e3 * measured:>13.3f} {ratio:>6.2f}"
            mark = "" if cost.bytes == held else f"  predicted {cost.bytes:,}"
            print(f"{2 * k:>9} {n:>8} {driver:>9} {times_shown} {held:>13,}{mark}")
            rows.append(
                {
                    "n_orbitals": n,
                    "n_electrons": 2 * k,
                    "n_parameters": circuit.n_parameters,
                    "driver": driver,
                    "predicted_seconds": cost.seconds,
                    "measured_seconds": measured,
                    "predicted_bytes": cost.bytes,
                    "held_bytes": held,
                }
            )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": platform.platform(), "cases": rows}, indent=1) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
