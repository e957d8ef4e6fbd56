"""Bond dimensions of a matrix product state: how large a circuit can make them, and the work that this is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hybridq.contract.qubit_circuit import QubitCircuit

LIMIT = 40  # log2 beyond which a bond is not counted on: it fits no machine


@dataclass(frozen=True)
class Bonds:
    """What a circuit may come to.

    Attributes:
        largest: the largest bond that the circuit could make without a limit.
        elements: complex numbers of the state at its end, with the limit.
        work: sum over all two-qubit steps, swaps among them, of the cube of the largest bond beside them.
        steps: number of these steps.
    """

    largest: int
    elements: float
    work: float
    steps: int


def bonds(circuit: QubitCircuit, limit: int | None) -> Bonds:
    """An upper estimate: a gate across a cut at most doubles its bond (a swap: four times), and 2^k bounds it.

    Qubits that are apart are brought together by swaps of neighbours first, as Aer does it, and back again.
    """
    n = circuit.n_qubits
    most = [min(k + 1, n - k - 1, LIMIT) for k in range(n - 1)]  # log2, of the cut between qubits k and k + 1
    exponents = [0] * (n - 1)
    top = None if limit is None else max(0, (limit - 1).bit_length())

    def size(k: int) -> float:
        return 2.0 ** (exponents[k] if top is None else min(exponents[k], top))

    work, steps = 0.0, 0
    for gate in circuit.gates:
        if len(gate.qubits) < 2:
            continue
        low, high = sorted(gate.qubits)
        swap = gate.name == "swap"
        for k in range(low, high):
            grown = 2 if swap or k < high - 1 else 1
            exponents[k] = min(most[k], exponents[k] + grown)
            times = 2 if k < high - 1 else 1
            work += times * max(size(j) for j in (k - 1, k, k + 1) if 0 <= j < n - 1) ** 3
            steps += times
    sizes = [1.0, *(size(k) for k in range(n - 1)), 1.0]
    elements = sum(2 * left * right for left, right in pairwise(sizes))
    return Bonds(1 << max(exponents, default=0), elements, work, steps)
