"""ADAPTResult: what a growing circuit ended with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hybridq.loops.result import VQEResult


@dataclass(frozen=True)
class Growth:
    """One growth of the circuit and the optimization after it.

    Attributes:
        labels: the operators appended, largest gradient first.
        indices: their places in the pool.
        gradient: largest gradient of the pool before, hartree per radian.
        energy: after the optimization, hartree.
        n_parameters: of the circuit after the growth.
    """

    labels: tuple[str, ...]
    indices: tuple[int, ...]
    gradient: float
    energy: float
    n_parameters: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True, eq=False, repr=False)
class ADAPTResult(VQEResult):
    """A `VQEResult` of the grown circuit, with the growths.

    Attributes:
        growths: in order.
    """

    growths: tuple[Growth, ...] = ()

    def to_dict(self, *, references: bool = True) -> dict[str, Any]:
        """Everything that JSON can hold."""
        return {**super().to_dict(references=references), "growths": [g.to_dict() for g in self.growths]}

    def __str__(self) -> str:
        lines = [super().__str__()]
        if self.growths:
            lines.append(f"  growths      {len(self.growths)}, {self.growths[-1].n_parameters} operators")
        for number, g in enumerate(self.growths, 1):
            names = "; ".join(g.labels)
            lines.append(f"  {number:>4}  {g.energy:.10f}  pool gradient {g.gradient:.1e}  + {names}")
        return "\n".join(lines)
