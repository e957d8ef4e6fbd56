"""Plans: one contraction tree for a network, cut into slices where it must be."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf, log2
from typing import Any

from hybridq.contract.errors import CapacityError
from hybridq.contract.memory import shown
from hybridq_tensornet.network import Network
from hybridq_tensornet.tree import Path, Quick, Work, quick_trees, work_of

PRODUCT = 1.0e-9
"""Seconds of a multiplication and addition, for how long a search is worth; predictions use the host's own rates."""
STEP = 0.5e-6
WORTH = 100  # a plan may take as long as so many evaluations
GREEDY = 4  # trees a round of the random search
SLICED_TREES = 2  # rounds of it where a plan must be sliced ...
REPEATED = 3  # ... and its slices take more than so many times the whole
ROUND = 1e-3  # seconds for each tensor and round
REFINING = 5e-3  # seconds for each tensor, to rearrange parts of a tree
WRITE = 1e-9  # seconds of a number that is written
BACKWARD = 3.0  # evaluations that one with its gradient takes
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

    The trees of `quick_trees` are all that is tried where an evaluation by them is fast.
    Else cotengra (Gray and Kourtis, arXiv:2002.01935) looks for better trees, for about as long as a
    hundred evaluations take. A state's amplitudes are best made along the circuit, and are not searched for.

    Args:
        network: with two tensors at least.
        limit: bytes.
        itemsize: bytes of a number.
        gradient: whether all products are kept.
        longest: seconds that a search may take.

    Raises:
        CapacityError: no number of slices is enough, or they would take a month.
    """
    trees = quick_trees(network)
    best, source = trees[0].path, trees[0].name
    budget = min(longest, WORTH * _seconds(trees[0].work) * (BACKWARD if gradient else 1.0))
    if not network.output and budget > ROUND * len(network.inputs):
        best, source = _searched(network, trees, budget)
    work = work_of(network, best)
    if work_bytes(work, itemsize, gradient) <= limit:
        return Plan(best, (), 1, work, source)
    return _best_sliced(network, best, source, limit, itemsize, gradient, longest)


def _best_sliced(
    network: Network, path: Path, source: str, limit: int, itemsize: int, gradient: bool, longest: float
) -> Plan:
    """The fastest of several trees, sliced; others than the first are tried where its slices repeat much work."""
    until = time.perf_counter() + longest
    whole = _seconds(work_of(network, path))
    candidates: list[tuple[Path, str]] = [(path, source)]
    candidates += [(tree.path, tree.name) for tree in quick_trees(network) if tree.path != path]
    # A path along qubits or circuit is wide nearly everywhere, and a sliced mode narrows little of it.
    greedy = 0
    found: Plan | None = None
    refused: CapacityError | None = None
    while candidates:
        path, source = candidates.pop(0)
        try:
            plan = _sliced(network, path, source, limit, itemsize, gradient)
        except CapacityError as error:
            refused = refused or error
        else:
            if found is None or _seconds(plan.work, plan.n_slices) < _seconds(found.work, found.n_slices):
                found = plan
        late = time.perf_counter() > until
        if late or (found is not None and _seconds(found.work, found.n_slices) < REPEATED * whole):
            break
        if not candidates and greedy < SLICED_TREES:
            candidates.append((_Named(network).greedy(greedy), "greedy"))
            greedy += 1
    if found is None:
        assert refused is not None
        raise refused
    return found


def nbytes(plan: Plan, itemsize: int, *, gradient: bool) -> int:
    """Bytes that one evaluation needs at once."""
    return work_bytes(plan.work, itemsize, gradient)


def work_bytes(work: Work, itemsize: int, gradient: bool) -> int:
    """Bytes for a slice of this work."""
    # Backward, the products of the way forward are all there, and about as much as its peak once more. One that is
    # done by matrices is copied: twice the largest.
    # Gaps between tensors of different sizes come on top.
    numbers = (work.written if gradient else 0.0) + 1.25 * work.peak + 2 * work.largest
    return int(min(2.0**62, itemsize * numbers))


def _seconds(work: Work, n_slices: int = 1) -> float:
    return n_slices * (PRODUCT * work.products + WRITE * work.written + STEP * work.steps)


def _searched(network: Network, trees: list[Quick], budget: float) -> tuple[Path, str]:
    """The best tree found within about so many seconds: random ones, and the best of all rearranged."""
    until = time.perf_counter() + budget
    named, refining = _Named(network), REFINING * len(network.inputs)
    refines = budget > refining  # told beforehand: a random tree that took longer than the last must not be its end
    found = [(_seconds(tree.work), tree.path, tree.name) for tree in trees]
    took, seed = 0.0, 0
    while time.perf_counter() + took < until - refining or seed == 0:
        began = time.perf_counter()
        path = named.greedy(seed)
        found.append((_seconds(work_of(network, path)), path, "greedy"))
        took, seed = time.perf_counter() - began, seed + 1
    if refines:
        _, path, source = min(found, key=lambda tree: tree[0])
        path = named.refined(path)
        found.append((_seconds(work_of(network, path)), path, f"{source}, rearranged"))
    _, path, source = min(found, key=lambda tree: tree[0])
    return path, source


class _Named:
    """A network as cotengra reads it; modes stay numbers, as the order of a set of texts differs between processes."""

    def __init__(self, network: Network) -> None:
        import cotengra

        self._cotengra: Any = cotengra
        self.inputs = [tuple(modes) for modes in network.inputs]
        self.output = tuple(network.output)
        self.sizes = dict(network.sizes)

    def tree(self, path: Path) -> Any:
        made = self._cotengra.ContractionTree.from_path(self.inputs, self.output, self.sizes, ssa_path=path)
        for node, _, _ in made.traverse():  # children first: asked for from its end, a long path recurses too deep
            made.get_legs(node)
        return made

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
    """The tree, with modes sliced until a slice fits where the whole does not."""
    whole = work_of(network, path)
    if work_bytes(whole, itemsize, gradient) <= limit:
        return Plan(path, (), 1, whole, source)
    tree = _Named(network).tree(path)
    work, n_slices, best = whole, 1, path
    sliced: tuple[int, ...] = ()

    def fits(work: Work) -> bool:
        return work_bytes(work, itemsize, gradient) <= limit

    while not fits(work):
        wanted = max(2.0 * n_slices, min(2.0**40, work_bytes(work, itemsize, gradient) / limit * n_slices))
        if n_slices > 1 and (n_slices > MOST_SLICES or _seconds(work, n_slices) > MOST_SECONDS):
            break
        try:
            cut = tree.slice(target_slices=int(wanted), allow_outer=False, max_repeats=4, seed=0)
        except (RuntimeError, ValueError, KeyError):
            break
        found = tuple(int(mode) for mode in cut.sliced_inds)
        if len(found) <= len(sliced):
            break
        best, sliced, n_slices = _pairs(cut.get_ssa_path()), found, 1
        for mode in sliced:
            n_slices *= network.sizes[mode]
        work = work_of(network, best, sliced)
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
    if n_slices == 1:
        return "and it cannot be cut into slices"
    begun = "cut into" if fits else "even cut into"
    return (
        f"{begun} 2^{_log(n_slices)} slices of 2^{_log(work.largest)} numbers it would take about "
        f"{seconds / 86400:.2g} days an evaluation on one core"
    )
