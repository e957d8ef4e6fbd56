"""Programs for Quantinuum's ion traps: tket circuits with free parameters, what they cost, and how they are folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from pytket.circuit import Circuit

TWO_QUBIT = ("ZZPhase", "ZZMax", "TK2")
REGISTER = "c"
PER_CIRCUIT = 5.0  # HQC
GENERIC = 0.123  # radians; no multiple of pi comes of it


@dataclass(frozen=True, eq=False)
class Program:
    """A measured circuit in native gates; one-qubit gates are merged when it is bound.

    Attributes:
        circuit: on qubits ``q[0..n-1]``, measured into bits ``c[0..n-1]``: bit k belongs to qubit k of the circuit as
            it was given, wherever that ended.
        parameters: names of the circuit's symbols, in the order of the parameters as they were given. Angles in the
            circuit are in half-turns, its symbols in radians.
    """

    circuit: Circuit
    parameters: tuple[str, ...]

    @property
    def n_bits(self) -> int:
        """Bits that are read."""
        return int(self.circuit.n_bits)

    def bound(self, values: ArrayLike) -> Circuit:
        """The circuit with numbers for its symbols.

        Args:
            values: of the parameters, radians, shape (n_parameters,).

        Raises:
            InputError: their number does not fit.
        """
        given = np.asarray(values, dtype=np.float64).reshape(-1)
        made = self.circuit.copy()
        free = made.free_symbols()
        if free and len(given) != len(self.parameters):
            raise InputError(f"the circuit has {len(self.parameters)} parameters, got {len(given)} values")
        of = dict(zip(self.parameters, given.tolist(), strict=False))
        made.symbol_substitution({symbol: of[symbol.name] for symbol in free})
        _merge(made)
        return made

    def folded(self, factor: int) -> Program:
        """The same with each two-qubit gate G as G (G^-1 G)^((factor - 1) / 2), which does the same with more noise.

        Source: Giurgica-Tiron et al., arXiv:2005.10921.

        Raises:
            InputError: the factor is even or not positive.
        """
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1 or factor % 2 == 0:
            raise InputError(f"a factor of noise is an odd number of at least 1, got {factor!r}")
        from pytket.circuit import Circuit

        made = Circuit()
        for unit in self.circuit.qubits:
            made.add_qubit(unit)
        for unit in self.circuit.bits:
            made.add_bit(unit)
        # Commands name the wires that gates are on, so that no permutation is left to be carried over.
        for command in self.circuit.get_commands():
            times = factor if command.op.type.name in TWO_QUBIT else 1
            for k in range(times):
                made.add_gate(command.op.dagger if k % 2 else command.op, command.args)
        return Program(made, self.parameters)

    @cached_property
    def gates(self) -> dict[str, int]:
        """How many there are of each as it is sent, by tket's names, where no angle is special."""
        found: dict[str, int] = {}
        for command in self.bound(GENERIC + np.arange(len(self.parameters))).get_commands():
            name = str(command.op.type.name)
            found[name] = found.get(name, 0) + 1
        return dict(sorted(found.items()))

    def hqc(self, shots: int) -> float:
        """Quantinuum's credits (HQC) for some samples.

        5 + C (N_1q + 10 N_2q + 5 N_m) / 5000 with C samples, N_1q one-qubit gates (Rz is done in software and is not
        counted), N_2q two-qubit gates, and N_m preparations and measurements of qubits, as Quantinuum and Azure Quantum
        publish it for the H series; what is charged is up to Quantinuum.
        """
        return PER_CIRCUIT + shots * hqc_per_shot(self.gates, self.circuit.n_qubits)

    def __repr__(self) -> str:
        lines = " ".join(str(command) for command in self.circuit.get_commands())
        return f"<tket circuit, {self.circuit.n_qubits} qubits: {lines}>"


def _merge(circuit: Circuit) -> None:
    """Merge neighbouring one-qubit gates; two-qubit gates, folded ones too, stay as they are."""
    from pytket.circuit import OpType
    from pytket.passes import AutoSquash

    AutoSquash({OpType.PhasedX, OpType.Rz}).apply(circuit)


def hqc_per_shot(gates: Mapping[str, int], n_qubits: int) -> float:
    """Credits for one sample of a circuit with these gates; see `Program.hqc`."""
    ones = gates.get("PhasedX", 0)
    twos = sum(gates.get(name, 0) for name in TWO_QUBIT)
    preparations = n_qubits + gates.get("Reset", 0)
    return (ones + 10 * twos + 5 * (preparations + gates.get("Measure", 0))) / 5000


def counts_of(result: Any, n_bits: int) -> dict[str, int]:
    """Counts from a result of tket's, with qubit 0 rightmost."""
    from pytket.circuit import Bit

    order = [Bit(REGISTER, k) for k in reversed(range(n_bits))]
    found = result.get_counts(cbits=order)
    return {"".join(str(int(bit)) for bit in bits): int(number) for bits, number in found.items()}
