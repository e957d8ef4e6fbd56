"""Schedule: which of the items that wait for one another may be worked on next."""

from __future__ import annotations

import heapq
import operator
from collections.abc import Collection, Sequence

from hybridq.contract.errors import InputError


class Schedule:
    """Items 0 to n - 1, of which some may start only when another is finished.

    Args:
        n: number of items.
        after: for each item None, or the item that must be finished before; None where none waits.
        finished: items that need not be done any more.

    Raises:
        InputError: `after` does not fit, or items wait for one another in a circle.
    """

    def __init__(self, n: int, after: Sequence[int | None] | None = None, finished: Collection[int] = ()) -> None:
        self.after = parents(n, after)
        self._left = n - len(finished)
        self._waiting: dict[int, list[int]] = {}
        self._ready: list[int] = []
        for item, parent in enumerate(self.after):
            if item in finished:
                continue
            if parent is None or parent in finished:
                self._ready.append(item)
            else:
                self._waiting.setdefault(parent, []).append(item)

    @property
    def done(self) -> bool:
        """True where no item is left."""
        return self._left == 0

    def take(self) -> int | None:
        """The lowest item that may start, which is then someone's; None where there is none now."""
        return heapq.heappop(self._ready) if self._ready else None

    def finish(self, item: int) -> None:
        """An item that was taken is finished."""
        self._left -= 1
        for released in self._waiting.pop(item, []):
            heapq.heappush(self._ready, released)


def parents(n: int, after: Sequence[int | None] | None) -> tuple[int | None, ...]:
    """`after`, checked; see `Schedule` for what it raises."""
    try:
        n = operator.index(n)
    except TypeError:
        raise InputError(f"the number of items to share is a whole number, got {n!r}") from None
    if n < 0:
        raise InputError(f"the number of items to share is {n}; it must be 0 or more")
    if after is None:
        return (None,) * n
    checked = tuple(None if parent is None else operator.index(parent) for parent in after)
    if len(checked) != n:
        raise InputError(
            f"after has {len(checked)} entries for {n} items; give one for each, None where it need not wait"
        )
    for item, parent in enumerate(checked):
        if parent is not None and not 0 <= parent < n:
            raise InputError(f"item {item} is to start after item {parent}; items are 0 to {n - 1}")
    sound: set[int] = set()
    for item in range(n):
        path: dict[int, None] = {}
        here: int | None = item
        while here is not None and here not in sound:
            if here in path:
                raise InputError(f"items {[*path][:10]} wait for one another in a circle; one of them must come first")
            path[here] = None
            here = checked[here]
        sound.update(path)
    return checked
