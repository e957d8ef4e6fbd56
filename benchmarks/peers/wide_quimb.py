"""quimb: exact local expectations by cotengra, and matrix product states.

"quimb": light cones, the default local simplifications, paths by cotengra that are kept between calls. "quimb-mps":
`CircuitPermMPS`, which on a line is as fast as `CircuitMPS` and on rings faster; no limit on bonds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cotengra
import numpy as np
import quimb.tensor as qtn

from benchmarks.peers.wide_operator import product
from benchmarks.peers.wide_worker import SEARCH_S

if TYPE_CHECKING:
    from benchmarks.peers.wide_worker import Array, Built

NAMES = {"cx": "CX", "ry": "RY", "rz": "RZ"}
CUTOFF = 1e-14


def build(asked: dict[str, Any]) -> Built:
    """The circuit is built at each call, as quimb's circuits carry their angles."""
    states = asked["engine"] == "quimb-mps"
    search = {
        "methods": ["greedy", "kahypar"], "minimize": "combo", "max_repeats": 64, "parallel": False, "progbar": False,
        "max_time": SEARCH_S / len(asked["terms"]), "reconf_opts": {},
    }  # fmt: skip
    options = {} if states else {"optimize": cotengra.ReusableHyperOptimizer(**search)}

    def energy(row: Array) -> float:
        circuit = qtn.CircuitPermMPS(asked["n"], cutoff=CUTOFF) if states else qtn.Circuit(asked["n"])
        for name, qubits, k in asked["gates"]:
            circuit.apply_gate(NAMES[name], *([] if k < 0 else [float(row[k])]), *qubits)
        total = 0.0
        for letters, c in asked["terms"]:
            total += c * float(np.real(circuit.local_expectation(*product(letters), **options)))
        return total

    return energy, None, {"class": "CircuitPermMPS", "cutoff": CUTOFF} if states else {"cotengra": search}
