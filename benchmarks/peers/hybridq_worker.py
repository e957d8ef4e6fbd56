"""hybridq: the fixed-number backend through the public interface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import worker
from benchmarks.peers.problem import Problem


def load(engine: str) -> None:
    """Import what a user's script would."""
    import hybridq.contract.task
    import hybridq.registry  # noqa: F401


def build(problem: Problem, engine: str) -> worker.Evaluate:
    """`engine` is the name of a hybridq backend."""
    from hybridq.contract.circuit import Factor, FermionicCircuit
    from hybridq.contract.generators import Generator, mixed_double, same_spin_double, single
    from hybridq.contract.hamiltonian import Hamiltonian
    from hybridq.contract.task import Task
    from hybridq.registry import backend

    n = problem.n_orbitals

    def generator(sources: tuple[int, ...], targets: tuple[int, ...]) -> Generator:
        spin = "alpha" if sources[0] < n else "beta"
        if len(sources) == 1:
            return single(sources[0] % n, targets[0] % n, spin)
        (i, j), (a, b) = sources, targets
        if (i < n) == (j < n):
            return same_spin_double((i % n, j % n), (a % n, b % n), spin)
        return mixed_double((i, a), (j - n, b - n))

    factors = tuple(Factor(generator(s, t), k) for k, (s, t) in enumerate(problem.excitations()))
    reference = tuple(range(problem.n_electrons // 2))
    circuit = FermionicCircuit(n, (reference, reference), factors, len(factors))
    hamiltonian = Hamiltonian(problem.constant, problem.one_body, problem.two_body)
    chosen = backend(engine)

    def evaluate(row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        result = chosen.submit([Task(circuit, row, hamiltonian, "gradient")]).result()[0]
        assert result.energy is not None
        return float(result.energy[0]), result.value[0]

    return evaluate


if __name__ == "__main__":
    worker.main(load, build, ["hybridq-sdk", "numpy", "scipy", "numba", "pyscf"])
