"""Several searches in lock-step: what they ask for in a round is one batch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.evaluate import Batch
from hybridq.loops.optimizers.messages import Ask, Iterate, Outcome, Search

Array = NDArray[np.float64]

REMEMBERED = 1000
SAME = 1e-6  # hartree: exact minima closer than this count as one


class Walker:
    """One search, and what is known of its points.

    Attributes:
        ask: what it waits for; None where it has ended.
        outcome: where it ended.
        row, energy: the last point that it accepted; infinite before the first.
        noisy: whether the values it has met carry errors.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.ask: Ask | None = None
        self.outcome: Outcome | None = None
        self.row: Array | None = None
        self.energy = np.inf
        self.noisy = False
        self._reply: Batch | None = None
        self._known: dict[bytes, float] = {}
        self._mean = np.inf

    def advance(self) -> bool:
        """Go on to its next question or its end; True where it has accepted a point on the way."""
        reply, self._reply, self.ask = self._reply, None, None
        moved = False
        while True:
            try:
                message = self.search.send(reply)
            except StopIteration as stop:
                self.outcome = stop.value
                return moved
            reply = None
            if isinstance(message, Ask):
                self.ask = message
                return moved
            self.row, self.energy = message.row, self.energy_at(message)
            moved = True

    def answer(self, batch: Batch) -> None:
        """Give it the values of what it asked for."""
        assert self.ask is not None
        self._reply = batch
        self._mean = float(np.mean(batch.energies))
        self.noisy = self.noisy or bool(batch.stderrs.any())
        for row, energy in zip(self.ask.rows, batch.energies, strict=True):
            self._known[row.tobytes()] = float(energy)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def energy_at(self, point: Iterate) -> float:
        """The energy of an accepted point; the mean of the last values where it was never evaluated."""
        return point.energy if point.energy is not None else self._known.get(point.row.tobytes(), self._mean)

    def known(self, row: Array) -> float | None:
        """The energy at a row, where it is known."""
        return self._known.get(row.tobytes())


def ensemble(searches: Sequence[Search]) -> Search:
    """Run searches side by side to the end of the last one; the outcome is that of the lowest.

    The rows of all that wait are one `Ask`. Where some want gradients or metrics and some do not, each kind is an
    `Ask` of its own, so that no row costs more than was asked for. In a round in which a search accepts a point,
    the lowest of all searches' points is reported. Noisy searches are compared by fresh values of their final rows.
    """
    walkers = [Walker(search) for search in searches]
    try:
        while living := [walker for walker in walkers if walker.outcome is None]:
            if any([walker.advance() for walker in living]):  # a list: all of them advance
                leader = min(walkers, key=lambda walker: walker.energy)
                assert leader.row is not None
                yield Iterate(leader.row, leader.energy)
            yield from _answer([walker for walker in living if walker.ask is not None])
        return (yield from _lowest(walkers))
    finally:
        for walker in walkers:
            walker.search.close()


def _answer(waiting: Sequence[Walker]) -> Generator[Ask | Iterate, Batch | None, None]:
    kinds: dict[tuple[bool, bool], list[tuple[Walker, Ask]]] = {}
    for walker in waiting:
        if walker.ask is not None:
            kinds.setdefault((walker.ask.gradient, walker.ask.metric), []).append((walker, walker.ask))
    for (gradient, metric), members in sorted(kinds.items(), key=lambda item: item[0]):
        batch = yield Ask(np.concatenate([ask.rows for _, ask in members]), gradient, metric)
        assert batch is not None
        begin = 0
        for walker, ask in members:
            end = begin + len(ask.rows)
            walker.answer(_part(batch, begin, end))
            begin = end


def _part(batch: Batch, begin: int, end: int) -> Batch:
    whole = {field.name: getattr(batch, field.name) for field in fields(batch)}
    part: dict[str, Any] = {name: None if values is None else values[begin:end] for name, values in whole.items()}
    return Batch(**part)


def _lowest(walkers: Sequence[Walker]) -> Search:
    """The outcome of the walker that ended lowest."""
    outcomes = [walker.outcome for walker in walkers if walker.outcome is not None]
    noisy = any(walker.noisy for walker in walkers)
    energies: list[float | None] = [None if noisy else w.known(o.row) for w, o in zip(walkers, outcomes, strict=True)]
    same = SAME
    missing = [k for k, energy in enumerate(energies) if energy is None]
    if missing:
        batch = yield Ask(np.array([outcomes[k].row for k in missing]))
        assert batch is not None
        for k, energy in zip(missing, batch.energies, strict=True):
            energies[k] = float(energy)
        same = max(SAME, 2 * float(np.max(batch.stderrs)))
    final = np.array(energies, dtype=np.float64)
    k = int(np.argmin(final))
    yield Iterate(outcomes[k].row, float(final[k]))
    alike = int(np.sum(final <= final[k] + same))
    told = f"search {k + 1} of {len(walkers)} is the lowest, {alike} ended within {same:.0e} hartree of it"
    return Outcome(outcomes[k].row, outcomes[k].converged, f"{told}: {outcomes[k].reason}")


def seed_of(walker: int, seed: int) -> int:
    """The seed of one walker, made from the run's."""
    return int(np.random.SeedSequence([seed, 0xE45E, walker]).generate_state(1, np.uint64)[0] >> 1)
