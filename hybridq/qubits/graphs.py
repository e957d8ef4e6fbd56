"""Combinatorial problems as observables of Z: cuts of a graph, Ising models, quadratic binary functions.

A bit of a basis state is a variable: qubit i in 1 means x_i = 1, and Z_i = 1 - 2 x_i. Source: Lucas, arXiv:1302.5843.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.qubits.problem import QubitProblem

Edge = tuple[int, int, float]
EDGES = "edges such as [(0, 1), (1, 2, 0.5)], a networkx or rustworkx graph, or a symmetric matrix of weights"


def max_cut(graph: Any, weights: Sequence[float] | None = None, *, name: str = "max-cut") -> QubitProblem:
    """The cut of largest weight; the energy is minus the weight of the cut.

    ``H = sum over edges of w_ij (Z_i Z_j - 1) / 2``

    Args:
        graph: edges (i, j) or (i, j, w) between nodes 0, 1, ...; a networkx or rustworkx graph (its nodes in their
            order, the edge attribute "weight" or a number as the weight); or a symmetric matrix of weights,
            shape (n, n). An edge without a weight has 1; edges that are given twice are added up.
        weights: of the edges in their order, instead of their own.
        name: a label for people.

    Raises:
        InputError: there is no edge, a weight is not finite, or an edge has one node, or `graph` is something else.
    """
    edges, n = _edges(graph)
    if weights is not None:
        if not hasattr(weights, "__len__"):
            raise InputError(f"weights are a number for each edge, got {type(weights).__name__}")
        if len(weights) != len(edges):
            raise InputError(f"there are {len(weights)} weights for {len(edges)} edges")
        edges = [
            (i, j, _number(w, f"the weight of edge ({i}, {j})")) for (i, j, _), w in zip(edges, weights, strict=True)
        ]
    if not edges:
        raise InputError("the graph has no edges, so every cut is 0; give at least one edge")
    z = [1 << i | 1 << j for i, j, _ in edges]
    half = [w / 2 for _, _, w in edges]
    source = {"kind": "max-cut", "nodes": n, "edges": [list(edge) for edge in edges]}
    return _problem(n, [*z, 0], [*half, -sum(half)], name, source)


def ising(
    fields: Mapping[int, float] | Sequence[float] | NDArray[Any] | None,
    couplings: Mapping[tuple[int, int], float] | ArrayLike | None,
    *,
    offset: float = 0.0,
    name: str = "ising",
) -> QubitProblem:
    """``H = sum_i h_i Z_i + sum_(i<j) J_ij Z_i Z_j + offset``: the state of lowest energy.

    Args:
        fields: h, shape (n,) or by node; None for none.
        couplings: J by pairs (i, j), or a matrix, shape (n, n), either symmetric or upper triangular, of which
            the part above the diagonal counts; None for none.
        offset: added to every energy.
        name: a label for people.

    Raises:
        InputError: shapes do not fit, a value is not finite, or a matrix is neither symmetric nor upper triangular.
    """
    h = _fields(fields)
    pairs, n = _couplings(couplings)
    if n and h and not isinstance(fields, Mapping) and len(h) != n:
        raise InputError(f"there are {len(h)} fields for a matrix of {n} nodes")
    n = max(n, 1 + max([*h, *(k for pair in pairs for k in pair)], default=-1))
    if n == 0:
        raise InputError("an Ising model needs fields or couplings, got neither")
    z = [1 << i for i in h] + [1 << i | 1 << j for i, j in pairs]
    values = [*h.values(), *pairs.values(), _number(offset, "the offset")]
    return _problem(n, [*z, 0], values, name, {"kind": "ising"})


def qubo(matrix: ArrayLike, *, offset: float = 0.0, name: str = "qubo") -> QubitProblem:
    """The binary x of lowest ``x^T Q x + offset``, its diagonal the linear part (x_i^2 = x_i).

    Args:
        matrix: Q, shape (n, n), symmetric, triangular or neither: Q_ij and Q_ji are added up.
        offset: added to every value.
        name: a label for people.

    Raises:
        InputError: it is no square matrix of finite numbers.
    """
    q = _matrix(matrix, "a QUBO")
    both = q + q.T
    n = len(q)
    upper = [(i, j) for i in range(n) for j in range(i + 1, n) if both[i, j] != 0]
    # x_i x_j = (1 - Z_i - Z_j + Z_i Z_j) / 4 and x_i = (1 - Z_i) / 2
    pair_sum = both - np.diag(np.diag(both))
    constant = _number(offset, "the offset") + np.trace(q) / 2 + pair_sum.sum() / 8
    linear = -np.diag(q) / 2 - pair_sum.sum(axis=1) / 4
    z = [0, *(1 << i for i in range(n)), *(1 << i | 1 << j for i, j in upper)]
    values = [constant, *linear, *(both[i, j] / 4 for i, j in upper)]
    return _problem(n, z, values, name, {"kind": "qubo"})


def _problem(n: int, z: list[int], values: list[float], name: str, source: dict[str, Any]) -> QubitProblem:
    return QubitProblem(PauliSum.from_masks(n, [0] * len(z), z, values), name, "", source)


def _edges(graph: Any) -> tuple[list[Edge], int]:
    """Edges between numbered nodes, and how many nodes there are."""
    if hasattr(graph, "edge_index_map"):  # rustworkx
        places = {node: k for k, node in enumerate(graph.node_indices())}
        listed = [(places[i], places[j], _attribute(w)) for i, j, w in graph.edge_index_map().values()]
        return _checked(listed), len(places)
    if hasattr(graph, "edges") and hasattr(graph, "nodes"):  # networkx
        places = {node: k for k, node in enumerate(graph.nodes)}
        listed = [(places[i], places[j], _attribute(data)) for i, j, data in graph.edges(data=True)]
        return _checked(listed), len(places)
    if isinstance(graph, np.ndarray):
        w = _matrix(graph, "a graph")
        if not np.array_equal(w, w.T) or np.diag(w).any():
            raise InputError("a graph's matrix of weights must be symmetric with zeros on its diagonal")
        return [(i, j, float(w[i, j])) for i in range(len(w)) for j in range(i + 1, len(w)) if w[i, j]], len(w)
    try:
        listed = [(edge[0], edge[1], edge[2] if len(edge) == 3 else 1.0) for edge in graph if len(edge) in (2, 3)]
        if len(listed) != len(graph):
            raise TypeError
    except (TypeError, IndexError, KeyError):
        raise InputError(
            f"a graph is {EDGES}; got {graph if isinstance(graph, list) else type(graph).__name__}"
        ) from None
    found = _checked(listed)
    return found, 1 + max((max(i, j) for i, j, _ in found), default=-1)


def _checked(edges: Iterable[tuple[Any, Any, Any]]) -> list[Edge]:
    found = []
    for i, j, w in edges:
        if _node(i) == _node(j):
            raise InputError(f"edge ({i}, {j}) has one node at both ends; leave it out, it is never cut")
        found.append((int(i), int(j), _number(w, f"the weight of edge ({i}, {j})")))
    return found


def _attribute(data: Any) -> Any:
    """The weight that a library keeps with an edge: a number, a mapping with "weight", or nothing."""
    if data is None:
        return 1.0
    return data.get("weight", 1.0) if isinstance(data, Mapping) else data


def _fields(fields: Any) -> dict[int, float]:
    if fields is None or isinstance(fields, Mapping):
        listed = dict(fields or {})
    else:
        try:
            listed = dict(enumerate(fields))
        except TypeError:
            raise InputError(f"fields are numbers for the nodes 0, 1, ..., got {type(fields).__name__}") from None
    return {_node(i): _number(value, f"the field of node {i}") for i, value in listed.items()}


def _couplings(couplings: Any) -> tuple[dict[tuple[int, int], float], int]:
    if couplings is None:
        return {}, 0
    if isinstance(couplings, Mapping):
        found: dict[tuple[int, int], float] = {}
        for pair, value in couplings.items():
            if not isinstance(pair, tuple) or len(pair) != 2 or pair[0] == pair[1]:
                raise InputError(f"couplings are given by pairs of two nodes such as (0, 1), got {pair!r}")
            i, j = sorted((_node(pair[0]), _node(pair[1])))
            found[i, j] = found.get((i, j), 0.0) + _number(value, f"the coupling of nodes {pair}")
        return found, 0
    matrix = _matrix(couplings, "couplings")
    if not (np.array_equal(matrix, matrix.T) or not np.tril(matrix, -1).any()):
        raise InputError("a matrix of couplings must be symmetric or upper triangular; add up J_ij and J_ji first")
    rows, columns = np.nonzero(np.triu(matrix, 1))
    return {(int(a), int(b)): float(matrix[a, b]) for a, b in zip(rows, columns, strict=True)}, len(matrix)


def _matrix(matrix: ArrayLike, what: str) -> NDArray[np.float64]:
    try:
        found = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the matrix of {what} must hold real numbers: {error}") from None
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size:
        raise InputError(f"the matrix of {what} must have shape (n, n), got {found.shape}")
    if not np.isfinite(found).all():
        raise InputError(f"the matrix of {what} holds a value that is not finite")
    return found


def _node(node: Any) -> int:
    if isinstance(node, bool) or not isinstance(node, int | np.integer) or node < 0:
        raise InputError(f"nodes are whole numbers from 0, got {node!r}; number them, or give a networkx graph")
    return int(node)


def _number(value: Any, what: str) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} is {value!r}, not a number") from None
    if not math.isfinite(found):
        raise InputError(f"{what} is {found}; it must be finite")
    return found
