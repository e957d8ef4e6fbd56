"""A backend as a stranger would write it: all 2^(2n) amplitudes in one NumPy array, spin orbital m is bit m."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridq.contract.backend import Capabilities, Cost, LocalBackend
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import CapacityError, InputError
from hybridq.contract.generators import Excitation, Ladder
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import Result, Task


class ExampleBackend(LocalBackend):
    """Energies and counts from a dense state vector.

    Args:
        max_qubits: the widest circuit it takes, two qubits for each orbital.
    """

    def __init__(self, *, max_qubits: int = 12) -> None:
        super().__init__()
        if not 1 <= max_qubits <= 24:
            raise InputError(f"max_qubits is {max_qubits}; this backend takes 1 to 24")
        self._max_qubits = max_qubits

    @property
    def name(self) -> str:
        """The name it is found by."""
        return "example"

    @property
    def capabilities(self) -> Capabilities:
        """Energies and counts."""
        return Capabilities(self._max_qubits, frozenset({"energy", "counts"}))

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Some passes over the amplitudes for each factor and each integral."""
        seconds, most = 0.0, 0
        for task in tasks:
            passes = 10 * len(task.circuit.factors) + task.circuit.n_orbitals**4
            seconds += task.n_rows * (1e-4 + 5e-9 * passes * 2**task.circuit.n_qubits)
            most = max(most, 200 * 2**task.circuit.n_qubits)
        return Cost(seconds, most, shots=sum(t.n_rows * t.shots for t in tasks if t.driver == "counts" and t.shots))

    def run(self, task: Task) -> Result:
        """One task now."""
        if task.circuit.n_qubits > self._max_qubits:
            raise CapacityError(
                f"the circuit has {task.circuit.n_qubits} qubits, this backend takes {self._max_qubits}; "
                "use fewer active orbitals or give it a larger max_qubits"
            )
        task.circuit.rows(task.params)
        states = (_state(task.circuit, row) for row in task.params)
        zeros, provenance = np.zeros(task.n_rows), {"backend": self.name, "numpy": np.__version__}
        if task.driver == "counts":
            rng = np.random.default_rng(task.seed)
            return Result(tuple(_sample(psi, task, rng) for psi in states), zeros, provenance=provenance)
        assert task.observable is not None
        return Result(np.array([_energy(psi, task.observable) for psi in states]), zeros, provenance=provenance)


def _ladder(psi: np.ndarray, mode: int, creates: bool, signed: bool = True) -> np.ndarray:
    """A creation or annihilation operator on a state vector, in Jordan-Wigner's order; the qubit's where unsigned."""
    index = np.arange(psi.size)
    source = index[(index >> mode & 1) != creates]
    sign = 1 - 2 * signed * (np.bitwise_count(source & ((1 << mode) - 1)) % 2).astype(int)
    image = np.zeros_like(psi)
    image[source ^ (1 << mode)] = sign * psi[source]
    return image


def _product(psi: np.ndarray, ladder: Ladder, offset: int, signed: bool) -> np.ndarray:
    for p in ladder.annihilations:
        psi = _ladder(psi, offset + p, False, signed)
    for p in reversed(ladder.creations):
        psi = _ladder(psi, offset + p, True, signed)
    return psi


def _state(circuit: FermionicCircuit, row: np.ndarray) -> np.ndarray:
    n = circuit.n_orbitals
    alpha, beta = circuit.reference
    psi = np.zeros(1 << circuit.n_qubits, dtype=complex)
    psi[sum(1 << p for p in alpha) + sum(1 << (n + p) for p in beta)] = 1.0
    for factor, angle in zip(circuit.factors, circuit.angles(row), strict=True):
        g = factor.generator
        if isinstance(g, Excitation):
            # G^3 = -G, so exp(t G) = 1 + sin(t) G + (1 - cos(t)) G^2.
            once = _excite(psi, g, n)
            psi = psi + np.sin(angle) * once + (1 - np.cos(angle)) * _excite(once, g, n)
        else:
            mask = sum(1 << p for p in g.alpha) + sum(1 << (n + p) for p in g.beta)
            psi = np.where((np.arange(psi.size) & mask) == mask, np.exp(1j * angle) * psi, psi)
    return psi


def _excite(psi: np.ndarray, g: Excitation, n: int) -> np.ndarray:
    up = _product(_product(psi, g.beta, n, g.fermionic), g.alpha, 0, g.fermionic)
    down = _product(_product(psi, g.beta.adjoint, n, g.fermionic), g.alpha.adjoint, 0, g.fermionic)
    return 1j * (up + down) if g.imaginary else up - down


def _energy(psi: np.ndarray, h: Hamiltonian) -> float:
    n = h.n_orbitals
    moved = np.array([[_shift(psi, p, q, n) for q in range(n)] for p in range(n)]).reshape(n * n, -1)
    effective = h.one_body - 0.5 * np.einsum("pqqs->ps", h.two_body)
    # <E_pq E_rs> = <E_qp psi | E_rs psi>
    pairs = (moved.conj() @ moved.T).reshape(n, n, n, n).transpose(1, 0, 2, 3)
    one = effective.ravel() @ (moved @ psi.conj())
    return float(h.constant + one.real + 0.5 * np.sum(h.two_body * pairs).real)


def _shift(psi: np.ndarray, p: int, q: int, n: int) -> np.ndarray:
    return sum(_ladder(_ladder(psi, s + q, False), s + p, True) for s in (0, n))


def _sample(psi: np.ndarray, task: Task, rng: np.random.Generator) -> dict[str, int]:
    weights = np.abs(psi) ** 2
    numbers = rng.multinomial(task.shots, weights / weights.sum())
    return {f"{i:0{task.circuit.n_qubits}b}": int(numbers[i]) for i in np.flatnonzero(numbers)}
