"""What a gate estimate promises without making a gate; tests/qubits/test_gate_counts.py holds it against Qiskit."""

from __future__ import annotations

import time
from itertools import product

import pytest

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.circuit import product as circuit_of
from hybridq.contract.estimate import jordan_wigner_estimate
from hybridq.contract.generators import NumberProduct, mixed_double, single


@pytest.mark.parametrize(
    ("generator", "cx"),
    [
        (single(0, 1, "alpha"), 2 * 2),  # XY, YX: 2 strings of 2 CX
        (single(0, 4, "beta"), 2 * 8),  # three modes crossed
        (mixed_double((0, 1), (0, 1)), 8 * 6),  # eight strings on four modes, nothing crossed
        (mixed_double((0, 2), (1, 2)), 8 * 8),
        (NumberProduct((3,), ()), 0),
        (NumberProduct((3,), (3,)), 2),
        (NumberProduct((0, 1), (2,)), 3 * 2 + 4),
    ],
)
def test_textbook_counts_of_single_factors(generator, cx):
    assert jordan_wigner_estimate(circuit_of(5, (2, 2), [generator])).two_qubit_gates == cx


def test_factors_on_disjoint_qubits_run_side_by_side():
    alone = circuit_of(4, (1, 1), [single(0, 1, "alpha")])
    beside = circuit_of(4, (1, 1), [single(0, 1, "alpha"), single(0, 1, "beta")])
    behind = circuit_of(4, (1, 1), [single(0, 1, "alpha"), single(1, 2, "alpha")])
    depth = [jordan_wigner_estimate(c).depth for c in (alone, beside, behind)]
    assert depth[0] == depth[1]
    assert depth[2] == 2 * depth[0] - 1  # the layer of X gates comes once


def test_a_bare_determinant_is_one_layer_of_x_and_an_empty_one_none():
    estimate = jordan_wigner_estimate(FermionicCircuit(3, ((0,), ()), (), 0))
    assert (estimate.two_qubit_gates, estimate.depth) == (0, 1)
    assert jordan_wigner_estimate(FermionicCircuit(3, ((), ()), (), 0)).depth == 0


def test_ten_thousand_factors_are_estimated_within_a_second():
    generators = [mixed_double((i, 10 + a), (j, 10 + b)) for i, a, j, b in product(range(10), repeat=4)]
    circuit = circuit_of(20, (10, 10), generators)
    assert len(circuit.factors) == 10_000
    begin = time.process_time()
    estimate = jordan_wigner_estimate(circuit)
    assert time.process_time() - begin < 1.0
    assert f"{estimate.two_qubit_gates:,} two-qubit gates" in str(circuit)
