"""In a vendor's own environment: python vendor_checks.py NAME; reads cases, prints what came of each as JSON.

A case is a backend's name, options, and environment variables to set; "bits" instead asks for the energy of H2.
"""

from __future__ import annotations

import json
import os
import sys

import numpy as np

import hybridq as hq
from hybridq.contract.task import Task
from hybridq.registry import backend


def h2_task(shots):
    from pyscf import M

    problem = hq.Problem.from_pyscf(M(atom="H 0 0 0; H 0 0 0.74", basis="sto-3g", verbose=0).RHF().run())
    circuit = hq.ansatz("uccsd").build(problem)
    point = np.zeros((1, circuit.n_parameters))
    point[0, -1] = -0.11
    return Task(circuit, point, problem.hamiltonian, "energy", shots=shots, seed=3)


def outcome(case):
    os.environ.update(case.get("set", {}))
    for name in case.get("unset", ()):
        os.environ.pop(name, None)
    try:
        made = backend(case["name"], **case.get("options", {}))
        if "shots" not in case:
            return "made", made.name
        result = made.submit([h2_task(case["shots"])]).result(120)[0]
        return float(result.value[0]).hex(), float(result.stderr[0]), dict(result.provenance["compiled"])
    except Exception as error:
        return type(error).__name__, str(error)


if __name__ == "__main__":
    told = [outcome(case) for case in json.load(sys.stdin)]
    print(json.dumps(told, default=str))
