"""Plans: one contraction tree for a network, cut into slices where it must be."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log2
from typing import Any

from hybridq.contract.errors import CapacityError
from hybridq.contract.memory import shown
from hybridq_tensornet.network import Network
from hybridq_tensornet.tree import Path, Work, quick, work_of

PRODUCT = 1.0e-9
"""Seconds of a multiplication and addition, for how long a search is worth; predictions use the host's own rates."""
STEP = 0.5e-6
WORTH = 20  # a plan may take as long as so many evaluations
GREEDY = 4  # trees a round of the random search
REFINING = 3e-3  # seconds for each tensor, to rearrange parts of a tree
MOST_SECONDS = 30 * 86400.0
MOST_SLICES = 1 << 30


@dataclass(frozen=True)
class Plan:
    """How a network is contracted.

    Attributes:
        path: pairs of tensors.
        sliced: modes whose values are gone through one by one, a slice for each combination.
        n_slices: their number.
        work: of one slice.
        source: which search found it.
    """

    path: Path
    sliced: tuple[int, ...]
    n_slices: int
    work: Work
    source: str

    @property
    def searched(self) -> bool:
        """Whether finding it took time."""
        return "," in self.source or self.source == "greedy"


def make_plan(network: Network, limit: int, itemsize: int, *, gradient: bool, longest: float = 20.0) -> Plan:
    """Search for a plan whose tensors take at most `limit` bytes.

    The two trees of `quick` are all that is tried where an evaluation by them is fast.
    Else cotengra (Gray and Kourtis, arXiv:2002.01935) looks for better trees, for about as long as twenty
    evaluations take. A state's amplitudes are best made along the circuit, and are not searched for.

    Args:
        network: with two tensors at least.
        limit: bytes.
        itemsize: bytes of a number.
        gradient: whether all products are kept.
        longest: seconds that a search may take.

    Raises:
        CapacityError: no number of slices is enough, or they would take a month.
    """
    first = quick(network)
    best, source = first.path, first.name
    seconds = _seconds(first.work)
    budget = min(longest, WORTH * seconds)
    if not network.output and budget > REFINING * len(network.inputs):
        best, source = _searched(network, best, source, budget)
    work = work_of(network, best)
    if work_bytes(work, itemsize, gradient) <= limit:
        return Plan(best, (), 1, work, source)
    return _sliced(network, best, source, limit, itemsize, gradient)


def nbytes(plan: Plan, itemsize: int, *, gradient: bool) -> int:
    """Bytes that one evaluation needs at once."""
    return work_bytes(plan.work, itemsize, gradient)


def work_bytes(work: Work, itemsize: int, gradient: bool) -> int:
    """Bytes for a slice of this work."""
    # Backward, the products of the way forward are all there, and about as much as its peak once more. One that is
    # done by matrices is copied: twice the largest.
    numbers = (work.written + work.peak + 2 * work.largest) if gradient else work.peak + 2 * work.largest
    return int(min(2.0**62, itemsize * numbers))


def _seconds(work: Work, n_slices: int = 1) -> float:
    return n_slices * (PRODUCT * work.products + STEP * work.steps)


def _searched(network: Network, path: Path, source: str, budget: float) -> tuple[Path, str]:
    """The best tree found within about so many seconds."""
    until = time.perf_counter() + budget
    named = _Named(network)
    candidates = [(_seconds(work_of(network, path)), path, source)]
    found = named.refined(path)
    candidates.append((_seconds(work_of(network, found)), found, f"{source}, rearranged"))
    seed = 0
    while time.perf_counter() < until:
        began = time.perf_counter()
        found = named.greedy(seed)
        candidates.append((_seconds(work_of(network, found)), found, "greedy"))
        seed += 1
        took = time.perf_counter() - began
        best = min(candidates, key=lambda c: c[0])
        if best[2] == "greedy" and time.perf_counter() + REFINING * len(network.inputs) < until + took:
            found = named.refined(best[1])
            candidates.append((_seconds(work_of(network, found)), found, "greedy, rearranged"))
    _, path, source = min(candidates, key=lambda c: c[0])
    return path, source


class _Named:
    """A network as cotengra reads it."""

    def __init__(self, network: Network) -> None:
        import cotengra

        self._cotengra: Any = cotengra
        self.inputs = [tuple(map(str, modes)) for modes in network.inputs]
        self.output = tuple(map(str, network.output))
        self.sizes = {str(mode): size for mode, size in network.sizes.items()}

    def tree(self, path: Path) -> Any:
        return self._cotengra.ContractionTree.from_path(self.inputs, self.output, self.sizes, ssa_path=path)

    def refined(self, path: Path) -> Path:
        tree = self.tree(path)
        tree.subtree_reconfigure_(seed=0)
        return _pairs(tree.get_ssa_path())

    def greedy(self, seed: int) -> Path:
        search = self._cotengra.RandomGreedyOptimizer(max_repeats=GREEDY, seed=seed, accel=False, parallel=False)
        return _pairs(search.ssa_path(self.inputs, self.output, self.sizes))


def _pairs(path: Any) -> Path:
    return tuple((int(pair[0]), int(pair[1])) for pair in path)


def _sliced(network: Network, path: Path, source: str, limit: int, itemsize: int, gradient: bool) -> Plan:
    """The tree with modes sliced until a slice fits."""
    whole = work_of(network, path)
    tree = _Named(network).tree(path)
    target = min(whole.largest, limit / itemsize / 2)
    fits: Callable[[Work], bool] = lambda work: work_bytes(work, itemsize, gradient) <= limit  # noqa: E731
    work, n_slices, best = whole, 1, path
    sliced: tuple[int, ...] = ()
    while not fits(work):
        if target < 2:
            break
        try:
            cut = tree.slice(target_size=target, allow_outer=False, max_repeats=4, seed=0)
        except (RuntimeError, ValueError):
            break
        best = _pairs(cut.get_ssa_path())
        sliced = tuple(int(mode) for mode in cut.sliced_inds)
        n_slices = 1
        for mode in sliced:
            n_slices *= network.sizes[mode]
        work = work_of(network, best, sliced)
        target /= 2
        if n_slices > MOST_SLICES or _seconds(work, n_slices) > MOST_SECONDS:
            break
    seconds = _seconds(work, n_slices)
    if fits(work) and n_slices <= MOST_SLICES and seconds <= MOST_SECONDS:
        return Plan(best, sliced, n_slices, work, source + ", sliced")
    raise CapacityError(
        f"the contraction needs {shown(work_bytes(whole, itemsize, gradient))} at once (its largest tensor has "
        f"2^{_log(whole.largest)} numbers) and {shown(limit)} are free; "
        + _price(fits(work), n_slices, work, seconds)
        + "; take fewer layers, a more local observable, or an approximate state: "
        "backend('tensornet', max_bond_dimension=256)"
    )


def _log(number: float) -> str:
    return f"{log2(max(1.0, number)):.0f}" if number < inf else "1024 or more"


def _price(fits: bool, n_slices: int, work: Work, seconds: float) -> str:
    begun = "cut into" if fits else "even cut into"
    return (
        f"{begun} 2^{_log(n_slices)} slices of 2^{_log(work.largest)} numbers it would take about "
        f"{seconds / 86400:.2g} days an evaluation on one core"
    )
