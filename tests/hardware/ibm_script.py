"""A VQE on the loopback of IBM Quantum: python ibm_script.py - FCIDUMP RUN [ITERATIONS]; prints the energy's bits."""

from __future__ import annotations

import sys

import hybridq as hq

PATIENCE = {
    "call_seconds": 5.0, "trouble_seconds": 20.0, "first_pause": 0.1, "longest_pause": 1.0, "poll_seconds": 0.05,
    "longest_poll": 0.3,
}  # fmt: skip

if __name__ == "__main__":
    iterations = int(sys.argv[4]) if len(sys.argv) > 4 else 4
    backend = hq.backend("ibm:ibm_manila", patience=PATIENCE)
    result = hq.VQE(
        hq.Problem.from_fcidump(sys.argv[2]), backend=backend, run=sys.argv[3], progress=False, shots=600,
        optimizer="SPSA", optimizer_options={"iterations": iterations, "calibration": 2},
    ).run()  # fmt: skip
    print(result.energy.hex(), result.evaluations)
