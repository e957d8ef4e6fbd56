"""Which point of a scan starts from which: trees that do not depend on the number of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

POINTS_PER_TREE = 8


@dataclass(frozen=True)
class Forest:
    """The order of a scan.

    The points, sorted by their values, are cut into blocks of about `POINTS_PER_TREE`. The middle of a block is
    solved first and without help; the middles of its two halves start from there, and so on. So the points that
    enclose another one are among those that were solved before it, and its start can be interpolated.

    Small trees give many ranks work at once and cost a cold start each; `order` keeps the longest chains first.

    Attributes:
        parents: for each point the one that must be solved before, or None.
        order: points by priority; a point comes after its parent.
    """

    parents: tuple[int | None, ...]
    order: tuple[int, ...]

    @property
    def after(self) -> tuple[int | None, ...]:
        """For each place in `order` the place of the point that must be solved before, or None."""
        place = {point: k for k, point in enumerate(self.order)}
        parents = [self.parents[point] for point in self.order]
        return tuple(None if parent is None else place[parent] for parent in parents)


def forest(values: Sequence[float], *, warm: bool = True) -> Forest:
    """The trees for points with these values; without `warm` each point stands alone."""
    n = len(values)
    sequence = sorted(range(n), key=lambda k: values[k])
    parents: list[int | None] = [None] * n
    heights = [0] * n
    if warm:
        trees = 1 if n < 4 else max(2, round(n / POINTS_PER_TREE))
        for tree in range(trees):
            _plant(sequence[n * tree // trees : n * (tree + 1) // trees], None, parents, heights)
    # Distance to the middle of the values breaks ties: the ends of a curve are its hard points, and come first.
    position = {point: abs(2 * k - n + 1) for k, point in enumerate(sequence)}
    order = sorted(range(n), key=lambda k: (-heights[k], -position[k], k))
    return Forest(tuple(parents), tuple(order))


def _plant(block: list[int], parent: int | None, parents: list[int | None], heights: list[int]) -> int:
    """Make a tree of a block of points; its height, 0 where it is empty."""
    if not block:
        return 0
    half = (len(block) - 1) // 2
    middle = block[half]
    parents[middle] = parent
    sides = (block[:half], block[half + 1 :])
    heights[middle] = 1 + max(_plant(side, middle, parents, heights) for side in sides)
    return heights[middle]
