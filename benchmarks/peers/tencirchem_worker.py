"""TenCirChem-NG: its civector engines on JAX (double precision) and on NumPy.

Engines: "jax-civector", "numpy-civector", "numpy-civector-large" (tables recomputed in every call, less memory).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import worker
from benchmarks.peers.problem import Problem


def load(engine: str) -> None:
    """Import the peer, choose its array library and double precision."""
    import tencirchem

    tencirchem.set_backend(engine.split("-", 1)[0])
    tencirchem.set_dtype("complex128")


def build(problem: Problem, engine: str) -> worker.Evaluate:
    """A bare UCC object on given integrals; a tuple (a, b, j, i) means ``a+_a a+_b a_j a_i - h.c.``.

    TenCirChem puts beta spin orbitals first. The reference and the Hamiltonian do not change when the spins
    change names, so our alpha orbitals stand where its beta orbitals are.
    """
    from tencirchem import UCC

    ucc = UCC.from_integral(
        problem.one_body,
        problem.two_body,
        problem.n_electrons,
        problem.constant,
        engine=engine.split("-", 1)[1],
        init_method=None,
        mo_coeff=np.eye(problem.n_orbitals),
        run_hf=False,
        run_mp2=False,
        run_ccsd=False,
        run_fci=False,
    )
    ucc.ex_ops = [(*targets, *reversed(sources)) for sources, targets in problem.excitations()]
    ucc.param_ids = list(range(problem.n_parameters))
    function = ucc.get_opt_function()

    def evaluate(row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        energy, gradient = function(row)
        return float(energy), np.asarray(gradient)

    return evaluate


if __name__ == "__main__":
    worker.main(load, build, ["tencirchem-ng", "tensorcircuit-ng", "jax", "numpy", "scipy", "pyscf"])
