"""A plan as matrix products: in which order of modes each tensor is made, and in which it is read.

A step divides its modes: batch b (in both tensors and in the product), summed k, those of one tensor p, those of the
other q, so that ``C[b, p, q] = sum_k P[b, p, k] Q[b, k, q]``. A tensor may as well be kept with its last two axes
exchanged. Orders are chosen from the last step back to the first; where none serves both the step that makes a tensor
and the one that reads it, it is copied into another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from hybridq_tensornet.network import Modes, Network
from hybridq_tensornet.tree import Path, Step, steps_of

ROW = -1
"""The mode of rows of parameters: tensors that depend on angles have it."""
FIXED, ANGLES, SLICES = 0, 1, 2
"""What a tensor changes with, at most."""
Split = tuple[frozenset[int], frozenset[int], frozenset[int]]  # batch, one tensor's, the other's


@dataclass(frozen=True, slots=True)
class Product:
    """``out[b, p, q] = sum_k P[b, p, k] Q[b, k, q]``.

    Attributes:
        p, q, out: numbers of tensors.
        batch, rows, summed, columns: lengths of b, p, k, q.
        p_turned: P is kept as [b, k, p].
        q_turned: Q is kept as [b, q, k].
    """

    p: int
    q: int
    out: int
    batch: int
    rows: int
    summed: int
    columns: int
    p_turned: bool
    q_turned: bool


@dataclass(frozen=True)
class Pairwise:
    """A path as matrix products.

    Attributes:
        products: in the order of the path.
        made: for each tensor the order of modes in which it is made.
        used: in which it is read; tensors that are given are made so.
        level: `FIXED`, `ANGLES` or `SLICES`.
        need: whether it depends on a ket's leaf with an angle.
        sizes: of all modes, `ROW` among them.
    """

    products: tuple[Product, ...]
    made: tuple[Modes, ...]
    used: tuple[Modes, ...]
    level: tuple[int, ...]
    need: tuple[bool, ...]
    sizes: dict[int, int]

    def shape(self, modes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of modes."""
        return tuple(self.sizes[mode] for mode in modes)

    def numbers(self, tensor: int) -> int:
        """Numbers in a tensor, for all rows."""
        return prod(self.shape(self.used[tensor]))


def pairwise(network: Network, path: Path, sliced: Sequence[int] = (), n_rows: int = 1) -> Pairwise:
    """The products of a path.

    Args:
        network: what is contracted.
        path: pairs of tensors.
        sliced: modes that are left out.
        n_rows: rows of parameters that are done at once.
    """
    gone, n = set(sliced), network.n_leaves
    has_angle = [any(e.angle is not None for e in leaf.elements) for leaf in network.structure.leaves]
    varies = [k < n * (2 if network.doubled else 1) and has_angle[k % n] for k in range(len(network.inputs))]
    level = [
        SLICES if gone.intersection(modes) else ANGLES if varies[k] else FIXED for k, modes in enumerate(network.inputs)
    ]
    need = [k < n and varies[k] for k in range(len(network.inputs))]
    rows = frozenset({ROW}) if n_rows > 1 else frozenset()
    modes = [frozenset(m) - gone | (rows if varies[k] else frozenset()) for k, m in enumerate(network.inputs)]
    natural = [tuple(m for m in found if m in modes[k]) for k, found in enumerate(network.inputs)]
    steps = steps_of(network, path, sliced)
    split: dict[int, Split] = {}
    for step in steps:
        a, b = modes[step.left], modes[step.right]
        summed = frozenset(step.summed)
        split[step.out] = (a & b) - summed, a - b, b - a
        modes.append((a | b) - summed)
        natural.append(_queued(natural[step.left], natural[step.right], summed))
        level.append(max(level[step.left], level[step.right]))
        need.append(need[step.left] or need[step.right])
    sizes = {**network.sizes, ROW: n_rows}
    last = len(modes) - 1
    used: dict[int, Modes] = {last: ((ROW,) if ROW in modes[last] else ()) + network.output}
    made: dict[int, Modes] = {}
    products = [_product(step, split, natural, used, made, sizes) for step in reversed(steps)]
    return Pairwise(
        products=tuple(reversed(products)),
        made=tuple(made.get(t, used[t]) for t in range(len(modes))),
        used=tuple(used[t] for t in range(len(modes))),
        level=tuple(level),
        need=tuple(need),
        sizes=sizes,
    )


def _product(
    step: Step,
    split: dict[int, Split],
    natural: Sequence[Modes],
    used: dict[int, Modes],
    made: dict[int, Modes],
    sizes: dict[int, int],
) -> Product:
    """A step's product, from the order in which it is read; sets the orders of what it is made of."""
    wanted, (both, left, right) = used[step.out], split[step.out]

    def ordered(modes: frozenset[int]) -> Modes:
        return tuple(mode for mode in wanted if mode in modes)

    p, q, b, ps, qs = step.left, step.right, ordered(both), ordered(left), ordered(right)
    straight, turned = b + ps + qs, b + qs + ps
    if straight != wanted and (turned == wanted or (wanted and wanted[-1] in left)):
        p, q, ps, qs = q, p, qs, ps
    made[step.out] = b + ps + qs
    best: tuple[float, Modes, Modes, bool, bool] | None = None
    for k in _orders(step.summed, [(split[t], natural[t]) for t in (p, q) if t in split]):
        for p_turned in (False, True):
            for q_turned in (False, True):
                p_order = b + k + ps if p_turned else b + ps + k
                q_order = b + qs + k if q_turned else b + k + qs
                cost = 0.0
                for tensor, order in ((p, p_order), (q, q_order)):
                    if tensor in split and not _emittable(order, split[tensor]):
                        cost += prod(sizes[mode] for mode in order)
                if best is None or cost < best[0]:
                    best = cost, p_order, q_order, p_turned, q_turned
        if best is not None and best[0] == 0:
            break
    assert best is not None
    _, used[p], used[q], p_turned, q_turned = best
    n_b, n_p, n_k, n_q = (prod(sizes[mode] for mode in group) for group in (b, ps, step.summed, qs))
    return Product(p, q, step.out, n_b, n_p, n_k, n_q, p_turned, q_turned)


def _queued(left: Modes, right: Modes, summed: frozenset[int]) -> Modes:
    """Modes of a product, the ones that came last first: where steps follow a line, the first ones are summed first."""
    long, short = (left, right) if len(left) >= len(right) else (right, left)
    kept = [mode for mode in long if mode not in summed]
    return (*(mode for mode in short if mode not in summed and mode not in long), *kept)


def _orders(summed: Modes, makers: Sequence[tuple[Split, Modes]]) -> Iterator[Modes]:
    """Orders of summed modes in which one of the tensors may be made without a copy."""
    tried: set[Modes] = set()
    for (batch, left, right), natural in makers:
        first = tuple(mode for mode in natural if mode in summed)
        for groups in ((batch | left | right,), (batch, left, right), (batch, right, left)):
            order = tuple(mode for group in groups for mode in first if mode in group)
            if order not in tried:
                tried.add(order)
                yield order
    if not tried:
        yield summed


def _emittable(order: Modes, split: Split) -> bool:
    """Whether a product comes out in this order."""
    batch, left, right = split
    n = len(batch)
    if not batch.issuperset(order[:n]):
        return False
    return left.issuperset(order[n : n + len(left)]) or right.issuperset(order[n : n + len(right)])
