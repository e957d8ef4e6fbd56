"""Cuts, Ising models and QUBOs against their definitions on every assignment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import hybridq as hq


def values(problem):
    matrix = problem.hamiltonian.to_matrix()
    return matrix.diagonal().real


def assignments(n):
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1


floats = st.floats(-5, 5).map(lambda x: round(x, 3))


@given(st.data())
def test_every_energy_is_minus_the_cut(data):
    n = data.draw(st.integers(2, 6))
    nodes = st.integers(0, n - 1)
    drawn = data.draw(st.lists(st.tuples(nodes, nodes, floats).filter(lambda e: e[0] != e[1]), min_size=1))
    edges = [*drawn, (0, n - 1, 1.0)]
    x = assignments(n)
    cuts = sum(w * (x[:, i] != x[:, j]) for i, j, w in edges)
    problem = hq.max_cut(edges)
    np.testing.assert_allclose(values(problem), -cuts, atol=1e-9)
    assert problem.references()["exact"] == pytest.approx(-cuts.max())


@given(st.integers(1, 5).flatmap(lambda n: arrays(float, (n, n), elements=floats)), floats)
def test_a_qubo_is_its_quadratic_form(matrix, offset):
    x = assignments(len(matrix))
    np.testing.assert_allclose(
        values(hq.qubo(matrix, offset=offset)), np.einsum("ki,ij,kj->k", x, matrix, x) + offset, atol=1e-9
    )


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.tuples(arrays(float, n, elements=floats), arrays(float, (n, n), elements=floats))
    )
)
def test_an_ising_model_is_its_energy(drawn):
    h, j = drawn[0], np.triu(drawn[1], 1)
    s = 1 - 2 * assignments(len(h))
    expected = s @ h + np.einsum("ki,ij,kj->k", s, j, s) + 0.5
    problem = hq.ising(h, j, offset=0.5)
    np.testing.assert_allclose(values(problem), expected, atol=1e-9)
    assert hq.ising(h, j + j.T, offset=0.5) == problem
    pairs = {(b, a): j[a, b] for a in range(len(h)) for b in range(a + 1, len(h))}
    assert hq.ising(dict(enumerate(h)), pairs, offset=0.5) == problem


EDGES = [(0, 1, 1.0), (1, 2, 0.5), (0, 3, 2.0)]


def test_graphs_of_libraries_and_matrices_are_the_same_problem():
    import networkx
    import rustworkx

    nx = networkx.Graph()
    nx.add_nodes_from("abcd")
    nx.add_edge("a", "b")
    nx.add_edge("b", "c", weight=0.5)
    nx.add_edge("a", "d", weight=2)
    rx = rustworkx.PyGraph()
    rx.add_nodes_from([None, "gone", None, None, None])
    rx.remove_node(1)  # node indices have a gap now
    rx.add_edges_from([(0, 2, None), (2, 3, 0.5), (0, 4, {"weight": 2.0})])
    matrix = np.zeros((4, 4))
    for i, j, w in EDGES:
        matrix[i, j] = matrix[j, i] = w
    wanted = hq.max_cut(EDGES)
    assert hq.max_cut(nx) == wanted
    assert hq.max_cut(rx) == wanted
    assert hq.max_cut(matrix) == wanted
    assert hq.max_cut([(0, 1), (1, 2), (0, 3)], [1.0, 0.5, 2.0]) == wanted
    assert wanted.unit == ""


def test_nodes_without_edges_stay_qubits():
    import networkx

    graph = networkx.empty_graph(5)
    graph.add_edge(0, 1)
    assert hq.max_cut(graph).n_qubits == 5


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: hq.max_cut([]), "no edges"),
        (lambda: hq.max_cut([(0, 0)]), "one node at both ends"),
        (lambda: hq.max_cut([(0, -1)]), "whole numbers from 0, got -1"),
        (lambda: hq.max_cut([("a", "b")]), "networkx"),
        (lambda: hq.max_cut([(0, 1, float("inf"))]), "finite"),
        (lambda: hq.max_cut([(0, 1, "much")]), "not a number"),
        (lambda: hq.max_cut([(0, 1)], [1.0, 2.0]), "2 weights for 1 edges"),
        (lambda: hq.max_cut([(0, 1, 2, 3)]), "a graph is edges"),
        (lambda: hq.max_cut(7), "a graph is edges"),
        (lambda: hq.max_cut(np.array([[0, 1], [0, 0]])), "symmetric"),
        (lambda: hq.ising(None, None), "neither"),
        (lambda: hq.max_cut([(0, 1)], 2.0), "got float"),
        (lambda: hq.ising(3, None), "got int"),
        (lambda: hq.ising(["a"], None), "field of node 0 is 'a'"),
        (lambda: hq.ising({-1: 1.0}, None), "got -1"),
        (lambda: hq.ising(None, {(0, 1): "b"}), r"nodes \(0, 1\) is 'b'"),
        (lambda: hq.ising([1.0], np.zeros((2, 2))), "1 fields for a matrix of 2"),
        (lambda: hq.ising(None, [[0, 1], [2, 0]]), "add up"),
        (lambda: hq.ising(None, {(0, 0): 1.0}), "pairs"),
        (lambda: hq.qubo([[1.0, 2.0]]), r"shape \(n, n\), got \(1, 2\)"),
        (lambda: hq.qubo([[float("nan")]]), "not finite"),
        (lambda: hq.qubo("no"), "real numbers"),
    ],
)
def test_bad_graphs_are_refused(make, says):
    with pytest.raises(hq.InputError, match=says):
        make()
