"""Where a point of a scan may start: from its circuit, from a solved neighbour, or on the line through two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Circuit

Row = NDArray[np.float64]
FARTHEST = 1.0  # beyond two points a line is followed for as much as they are apart


@dataclass(frozen=True, eq=False)
class Solved:
    """A point that is done: its number, coordinate, circuit and best row, shape (n_parameters,), radians."""

    number: int
    value: float
    circuit: Circuit
    row: Row


@dataclass(frozen=True, eq=False)
class Start:
    """A row to begin with, shape (n_parameters,), radians.

    Attributes:
        kind: "own", the circuit's; "nearest", a solved neighbour's; "line", through two neighbours.
        points: numbers of these neighbours.
        row: the parameters.
    """

    kind: str
    points: tuple[int, ...]
    row: Row


def starts(circuit: Circuit, value: float, solved: Sequence[Solved]) -> list[Start]:
    """The circuit's own start and, where there is one, what the solved points suggest.

    That is the line through the two that enclose `value`, else through the two nearest; and the row of the nearest
    where there is but one, or where the line would lead too far.
    """
    own = Start("own", (), circuit.start)
    rows = [(point, transferred(point.row, point.circuit, circuit)) for point in solved]
    known = sorted(((p, row) for p, row in rows if row is not None), key=lambda pair: abs(pair[0].value - value))
    if not known:
        return [own]
    if len(known) > 1:
        (a, first), (b, second) = _enclosing(known, value)
        weight = (value - a.value) / (b.value - a.value)
        if -FARTHEST <= weight <= 1 + FARTHEST:
            return [own, Start("line", (a.number, b.number), (1 - weight) * first + weight * second)]
    return [own, Start("nearest", (known[0][0].number,), known[0][1])]


def transferred(row: Row, source: Circuit, target: Circuit) -> Row | None:
    """The parameters of `source` as a row of `target`; None where they have no factor in common.

    A parameter is the same one where it drives the same generators with the same scales; those that `source` does
    not have keep the start of `target`. Circuits on qubits share their parameters by name.
    """
    if source == target:
        return np.array(row)
    known = dict(zip(_keys(source), row, strict=True))
    keys = _keys(target)
    if not any(key in known for key in keys):
        return None
    return np.array([known.get(key, own) for key, own in zip(keys, target.start, strict=True)], dtype=np.float64)


def _enclosing(known: list[tuple[Solved, Row]], value: float) -> tuple[tuple[Solved, Row], tuple[Solved, Row]]:
    below = next((pair for pair in known if pair[0].value < value), None)
    above = next((pair for pair in known if pair[0].value > value), None)
    return (below, above) if below is not None and above is not None else (known[0], known[1])


def _keys(circuit: Circuit) -> list[Hashable]:
    """What each parameter drives; the second parameter that drives the same counts as another."""
    if isinstance(circuit, QubitCircuit):
        return [*circuit.parameter_names]
    driven: list[list[Hashable]] = [[] for _ in range(circuit.n_parameters)]
    for factor in circuit.factors:
        driven[factor.parameter].append((factor.generator, factor.scale))
    seen: Counter[Hashable] = Counter()
    keys: list[Hashable] = []
    for parts in driven:
        key = tuple(parts)
        keys.append((key, seen[key]))
        seen[key] += 1
    return keys
