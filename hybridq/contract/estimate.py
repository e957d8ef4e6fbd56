"""Gate counts of a circuit under Jordan-Wigner, without making the gates."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import Excitation, Generator, Ladder


@dataclass(frozen=True, slots=True)
class GateEstimate:
    """Size of a circuit as CX and one-qubit gates, before any optimisation.

    Attributes:
        two_qubit_gates: number of CX gates.
        depth: layers of CX and one-qubit gates (H, SX, RZ, X), any qubit pair in reach of each other.
    """

    two_qubit_gates: int
    depth: int


def jordan_wigner_estimate(circuit: FermionicCircuit) -> GateEstimate:
    """CX count and depth of the circuit as Pauli exponentials, one after another, each with a CX ladder.

    A Pauli string on w qubits takes 2 (w - 1) CX, and 2 (w - 1) + 1 layers, two more where it holds X or Y
    (Whitfield, Biamonte, Aspuru-Guzik, arXiv:1001.3855, Table A2). An excitation that moves electrons
    between 2k modes is 2^(2k - 1) strings; each number operator in it doubles them. The strings of a fermionic
    excitation have a Z on the modes it crosses, those of a qubit excitation have none.

    The CX count is that of `hybridq.qubits.to_qiskit` before optimisation. The depth is an upper estimate:
    factors on disjoint qubits run side by side, a factor that shares a qubit waits for the whole other one.
    Routing to a device's neighbours is not counted. Optimisation shrinks it: for singles and doubles in 4 to 6
    orbitals, Qiskit 2.6 removed about 30 % of the CX from the ladders and about 80 % where it was left to
    synthesize the exponentials itself (`to_qiskit(..., synthesize=False)`).
    """
    n = circuit.n_orbitals
    busy = [0] * (2 * n)  # the layer up to which each qubit is taken
    for occupied, first in zip(circuit.reference, (0, n), strict=True):
        for p in occupied:
            busy[first + p] = 1
    total = 0
    for factor in circuit.factors:
        gates, layers, qubits = _factor(factor.generator, n)
        total += gates
        end = max(busy[q] for q in qubits) + layers
        for q in qubits:
            busy[q] = end
    return GateEstimate(total, max(busy))


def _factor(generator: Generator, n: int) -> tuple[int, int, list[int]]:
    """CX gates, layers and qubits of one exponential."""
    if isinstance(generator, Excitation):
        core_a, counted_a = _modes(generator.alpha, generator.fermionic)
        core_b, counted_b = _modes(generator.beta, generator.fermionic)
        core = core_a + [n + p for p in core_b]
        counted = counted_a + [n + p for p in counted_b]
        moved = sum(len(set(part.creations) ^ set(part.annihilations)) for part in (generator.alpha, generator.beta))
        strings, basis = 1 << (moved - 1), 2
    else:
        core, counted = [], [*generator.alpha, *(n + p for p in generator.beta)]
        strings, basis = 1, 0
    gates = layers = 0
    for j in range(len(counted) + 1):  # strings with a Z on j of the counted modes
        ladder = 2 * (len(core) + j - 1)
        if ladder >= 0:
            number = strings * comb(len(counted), j)
            gates += number * ladder
            layers += number * (ladder + 1 + basis)
    return gates, layers, core + counted


def _modes(part: Ladder, fermionic: bool) -> tuple[list[int], list[int]]:
    """Orbitals on which every string acts (moved, or crossed by the Z string), and those of number operators."""
    counted = set(part.creations) & set(part.annihilations)
    moved = sorted(set(part.creations) ^ set(part.annihilations))
    if not fermionic:
        return moved, sorted(counted)
    core: list[int] = []
    for low, high in zip(moved[::2], moved[1::2], strict=True):
        core += [low, *(p for p in range(low + 1, high) if p not in counted), high]
    return core, sorted(counted)
