"""Gate estimates of the contract, held against circuits that Qiskit synthesized."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from fock_oracle import circuits
from hypothesis import given, settings

from hybridq.contract.circuit import product as circuit_of
from hybridq.contract.estimate import jordan_wigner_estimate
from hybridq.contract.generators import mixed_double, same_spin_double, single
from hybridq.qubits import to_qiskit

qiskit = pytest.importorskip("qiskit")


def as_gates(circuit):
    basis = ["cx", "h", "sx", "sxdg", "rz", "x"]
    return qiskit.transpile(to_qiskit(circuit), basis_gates=basis, optimization_level=0)


def singles_and_doubles(n, n_electrons):
    occupied, virtual = range(n_electrons), range(n_electrons, n)
    moves = list(product(occupied, virtual))
    pairs = list(product(combinations(occupied, 2), combinations(virtual, 2)))
    out = [single(*move, spin) for move in moves for spin in ("alpha", "beta")]
    out += [same_spin_double(*pair, spin) for pair in pairs for spin in ("alpha", "beta")]
    out += [mixed_double(a, b) for a, b in product(moves, moves)]
    return circuit_of(n, (n_electrons, n_electrons), out)


@given(circuits(max_factors=5))
@settings(max_examples=80, deadline=None)
def test_the_cx_count_is_exact_and_the_depth_an_upper_bound_for_any_factors(circuit):
    gates = as_gates(circuit)
    estimate = jordan_wigner_estimate(circuit)
    assert estimate.two_qubit_gates == gates.count_ops().get("cx", 0)
    assert gates.depth() <= estimate.depth


@pytest.mark.parametrize(("n", "n_electrons"), [(4, 2), (6, 3)])
def test_the_depth_of_singles_and_doubles_is_within_a_tenth(n, n_electrons):
    circuit = singles_and_doubles(n, n_electrons)
    gates = as_gates(circuit)
    estimate = jordan_wigner_estimate(circuit)
    assert estimate.two_qubit_gates == gates.count_ops()["cx"]
    assert gates.depth() <= estimate.depth <= 1.1 * gates.depth()
