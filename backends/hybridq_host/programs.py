"""Programs of a device in another process: kept there, and compiled anew where that process began anew."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hybridq.hardware.host.wire import Ref, circuits_text

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@dataclass(frozen=True, eq=False)
class Source:
    """What programs were compiled from.

    Attributes:
        circuits: the circuit and its tails, as text.
        parameters: names of the circuit's, in order.
        layout: as `Device.compile` takes it.
        key: names it on the other side.
    """

    circuits: str
    parameters: tuple[str, ...]
    layout: tuple[int, ...] | None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def of(cls, circuit: QuantumCircuit, tails: Sequence[QuantumCircuit], layout: Sequence[int] | None) -> Source:
        """Of what `Device.compile` is given.

        Raises:
            InputError: a circuit cannot be sent.
        """
        names = tuple(parameter.name for parameter in circuit.parameters)
        return cls(circuits_text([circuit, *tails]), names, None if layout is None else tuple(layout))

    @property
    def request(self) -> dict[str, Any]:
        """To compile it."""
        layout = None if self.layout is None else list(self.layout)
        return {"key": self.key, "circuits": self.circuits, "parameters": list(self.parameters), "layout": layout}


@dataclass(frozen=True, eq=False)
class Handle:
    """A program on the other side.

    Attributes:
        source: what it was compiled from.
        ref: which it is.
        device: the name of its device.
    """

    source: Source
    ref: Ref
    device: str

    def folded(self, factor: int) -> Handle:
        """The same with its two-qubit gates folded; see `hybridq.mitigation.fold`."""
        return replace(self, ref=replace(self.ref, factor=factor))

    def __repr__(self) -> str:
        return f"<program {self.ref.index} of {self.ref.key[:8]} on {self.device}, folded {self.ref.factor}>"
