"""Counts: samples from the state vector where it fits, from a matrix product state where its bonds stay small, else
from conditional probabilities.

Bits are drawn in blocks: the probabilities of a block, given the bits drawn before it, are one contraction without the
gates that later qubits alone see. Equal beginnings share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_tensornet.approximate import EXACT
from hybridq_tensornet.executors import Executor
from hybridq_tensornet.mps import evolve
from hybridq_tensornet.mps_cost import bonds
from hybridq_tensornet.mps_program import MpsProgram, mps_program
from hybridq_tensornet.mps_values import sample
from hybridq_tensornet.network import Network, marginal_network, state_network
from hybridq_tensornet.pieces import Contraction
from hybridq_tensornet.plan import Plan

Array = NDArray[np.float64]
Planner = Callable[[Network], Plan]
BLOCK = 8  # qubits drawn together
WIDEST = 24  # qubits up to which the state vector is sampled
NARROW = 256  # bond up to which a matrix product state is exact and fast


class Sampler:
    """Draws bit strings of one circuit.

    Args:
        circuit: the circuit.
        plan: finds a network's plan.
        by: what carries plans out; None takes the compiled loops.
    """

    def __init__(self, circuit: QubitCircuit, plan: Planner, by: Executor | None = None) -> None:
        self._n = circuit.n_qubits
        self._program: MpsProgram | None = None
        if self._n > WIDEST and bonds(circuit, None).largest <= NARROW:
            self._blocks: list[Contraction] = []
            self._program = mps_program(circuit)
            return
        if self._n <= WIDEST:
            network = state_network(circuit)
            self._ends = network.structure.ends
            self._blocks = [Contraction(network, plan(network), by)]
            return
        self._blocks = []
        for first in range(0, self._n, BLOCK):
            network = marginal_network(circuit, range(first), range(first, min(self._n, first + BLOCK)))
            self._blocks.append(Contraction(network, plan(network), by))
        self._ends = self._blocks[-1].network.structure.ends

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Of each contraction."""
        return tuple(block.plan for block in self._blocks)

    def draw(self, angles: Array, shots: int, rng: np.random.Generator) -> dict[str, int]:
        """Counts of bit strings, qubit 0 rightmost."""
        if self._program is not None:
            return sample(evolve(self._program, angles, EXACT), shots, rng)
        if self._n <= WIDEST:
            return self._from_state(angles, shots, rng)
        prefixes: dict[tuple[int, ...], int] = {(): shots}
        for number, block in enumerate(self._blocks):
            first = number * BLOCK
            width = min(self._n, first + BLOCK) - first
            ends = block.network.structure.ends
            active = [q for q in range(first) if ends[q] is not None]
            opened = [k for k in range(width) if ends[first + k] is not None]
            found: dict[tuple[int, ...], int] = {}
            for prefix, times in prefixes.items():
                vectors = np.eye(2)[[prefix[q] for q in active]].ravel() if active else None
                weights = np.maximum(np.real(block.tensor(angles, vectors)).ravel(), 0.0)
                drawn = rng.multinomial(times, weights / weights.sum())
                for index in np.flatnonzero(drawn).tolist():
                    bits = [0] * width
                    for place, k in enumerate(opened):
                        bits[k] = index >> (len(opened) - 1 - place) & 1
                    found[(*prefix, *bits)] = int(drawn[index])
            prefixes = found
        return _counts((bits, times) for bits, times in prefixes.items())

    def _from_state(self, angles: Array, shots: int, rng: np.random.Generator) -> dict[str, int]:
        amplitudes = self._blocks[0].tensor(angles).ravel()
        weights = amplitudes.real**2 + amplitudes.imag**2
        drawn = rng.multinomial(shots, weights / weights.sum())
        open_qubits = [q for q in range(self._n) if self._ends[q] is not None]
        found = []
        for index in np.flatnonzero(drawn).tolist():
            bits = [0] * self._n
            for place, q in enumerate(open_qubits):
                bits[q] = index >> place & 1
            found.append((tuple(bits), int(drawn[index])))
        return _counts(found)


def amplitudes(
    circuit: QubitCircuit, angles: Array, strings: Iterable[str], plan: Planner, by: Executor | None = None
) -> NDArray[np.complex128]:
    """``<bits|psi>`` for bit strings, qubit 0 rightmost, up to the circuit's global phase; one plan for all."""
    texts = list(strings)
    network = state_network(circuit, [0] * circuit.n_qubits)
    contraction = Contraction(network, plan(network), by)
    ends = network.structure.ends
    acting = [q for q in reversed(range(circuit.n_qubits)) if ends[q] is not None]
    idle = [q for q in range(circuit.n_qubits) if ends[q] is None]
    found = np.zeros(len(texts), complex)
    for k, text in enumerate(texts):
        bits = [int(letter) for letter in reversed(text)]
        if any(bits[q] for q in idle):
            continue
        vectors = np.eye(2)[[bits[q] for q in acting]].ravel() if acting else None
        found[k] = contraction.tensor(angles, vectors)
    return found


def _counts(found: Iterable[tuple[tuple[int, ...], int]]) -> dict[str, int]:
    return {"".join(map(str, reversed(bits))): times for bits, times in found}
