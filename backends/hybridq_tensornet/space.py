"""Places of tensors in one line of memory."""

from __future__ import annotations

from bisect import insort


class Space:
    """A line of numbers, of which the lowest gap that is large enough is taken.

    Args:
        first: numbers at its beginning that are taken for good.
    """

    def __init__(self, first: int) -> None:
        self.size = first
        self._gaps: list[tuple[int, int]] = []  # (begin, end), ascending

    def take(self, numbers: int) -> int:
        """Where so many numbers may lie."""
        for i, (begin, end) in enumerate(self._gaps):
            if end - begin >= numbers:
                if end - begin == numbers:
                    del self._gaps[i]
                else:
                    self._gaps[i] = (begin + numbers, end)
                return begin
        if self._gaps and self._gaps[-1][1] == self.size:
            begin, _ = self._gaps.pop()
        else:
            begin = self.size
        self.size = begin + numbers
        return begin

    def give(self, begin: int, numbers: int) -> None:
        """Let others have what was taken."""
        insort(self._gaps, (begin, begin + numbers))
        merged: list[tuple[int, int]] = []
        for gap in self._gaps:
            if merged and merged[-1][1] == gap[0]:
                merged[-1] = (merged[-1][0], gap[1])
            else:
                merged.append(gap)
        self._gaps = merged
