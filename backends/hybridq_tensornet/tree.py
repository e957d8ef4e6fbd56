"""Contraction trees: what each step costs, and trees that follow a circuit's qubits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from hybridq_tensornet.network import Modes, Network

Path = tuple[tuple[int, int], ...]
"""Pairs of tensors: inputs are numbered first, and each pair's product gets the next number."""


@dataclass(frozen=True, slots=True)
class Step:
    """A pair of tensors and their product.

    Attributes:
        left, right, out: numbers of tensors.
        modes: of `out`; those that both have or that one has and others need.
        summed: modes of both that no other tensor has.
    """

    left: int
    right: int
    out: int
    modes: Modes
    summed: Modes


@dataclass(frozen=True, slots=True)
class Work:
    """What a contraction takes, for one slice.

    Attributes:
        products: multiplications (and additions).
        written: numbers in all products of pairs.
        largest: numbers in the largest tensor.
        peak: numbers in the tensors that are needed at once, leaves and constants among them.
        steps: pairs.
    """

    products: float
    written: float
    largest: float
    peak: float
    steps: int


def steps_of(network: Network, path: Path, sliced: Sequence[int] = ()) -> list[Step]:
    """The steps of a path; sliced modes are left out."""
    gone = set(sliced)
    modes = {k: frozenset(m for m in found if m not in gone) for k, found in enumerate(network.inputs)}
    holders: dict[int, int] = dict.fromkeys(network.sizes, 0)
    for found in modes.values():
        for mode in found:
            holders[mode] += 1
    for mode in network.output:
        holders[mode] += 1
    steps = []
    for out, (left, right) in enumerate(path, len(network.inputs)):
        a, b = modes.pop(left), modes.pop(right)
        both = a & b
        for mode in both:
            holders[mode] -= 1
        summed = frozenset(mode for mode in both if holders[mode] == 1)
        # Modes of one tensor alone that no one needs would be sums; circuits have none (see `leftover`).
        kept = (a | b) - summed
        modes[out] = kept
        steps.append(Step(left, right, out, tuple(sorted(kept)), tuple(sorted(summed))))
    return steps


def work_of(network: Network, path: Path, sliced: Sequence[int] = ()) -> Work:
    """What one slice takes."""
    gone, sizes = set(sliced), network.sizes
    size = {k: prod((sizes[m] for m in found if m not in gone), start=1.0) for k, found in enumerate(network.inputs)}
    n = len(network.inputs)
    moves = {k: not gone.isdisjoint(found) for k, found in enumerate(network.inputs)}
    now = sum(prod((sizes[m] for m in found), start=1.0) for found in network.inputs)  # they stay, whole
    products = written = 0.0
    largest = max(size.values(), default=1.0)
    peak = now
    for step in steps_of(network, path, sliced):
        out = prod((sizes[m] for m in step.modes), start=1.0)
        products += out * prod((sizes[m] for m in step.summed), start=1.0)
        written += out
        largest = max(largest, out)
        size[step.out] = out
        now += out
        peak = max(peak, now)
        moves[step.out] = moves[step.left] or moves[step.right]
        for source in (step.left, step.right):
            if source >= n and (moves[source] or not moves[step.out]):  # else the next slice needs it again
                now -= size[source]
    return Work(products, written, largest, peak, len(path))


def sweep(network: Network) -> Path:
    """From the first qubit to the last, one tensor after another: best where gates join neighbours on a line."""
    return one_by_one(
        sorted(range(len(network.inputs)), key=lambda k: (network.places[k], k % max(1, network.n_leaves)))
    )


def along(network: Network) -> Path:
    """Along the circuit, then through the constants, and back: best where the state is what is hard."""
    times, n = network.structure.times, network.n_leaves
    ket = sorted(range(n), key=lambda k: times[k])
    bra = [n + k for k in reversed(ket)] if network.doubled else []
    constants = range(n + len(bra), len(network.inputs))
    return one_by_one([*ket, *constants, *bra])


def one_by_one(order: Sequence[int]) -> Path:
    """The path that multiplies tensors in this order."""
    if len(order) < 2:
        return ()
    path = [(order[0], order[1])]
    number = len(order)
    for k in order[2:]:
        path.append((number, k))
        number += 1
    return tuple(path)


@dataclass(frozen=True)
class Quick:
    """A tree that costs milliseconds to find.

    Attributes:
        path: a sweep over the qubits, or one along the circuit.
        name: which.
        work: of it.
    """

    path: Path
    name: str
    work: Work


def quick_trees(network: Network) -> list[Quick]:
    """The trees, the one with the fewest products first; the same for the same network."""
    found = network.remembered.get("trees")
    if found is None:
        paths = ((sweep(network), "sweep"), (along(network), "along the circuit"))
        found = sorted(
            (Quick(path, name, work_of(network, path)) for path, name in paths), key=lambda tree: tree.work.products
        )
        network.remembered["trees"] = found
    assert isinstance(found, list)
    return found


def quick(network: Network) -> Quick:
    """The tree with the fewest products."""
    return quick_trees(network)[0]
