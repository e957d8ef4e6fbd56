"""Shots: what the benchmark says of Qiskit's estimator is what it does, and ours takes fewer."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendEstimatorV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer import AerSimulator

from benchmarks.shots import estimator_variances, shown, table


def test_the_variance_told_of_qiskits_estimator_is_that_of_its_values():
    circuit = QuantumCircuit(2)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.rx(0.4, 1)
    observable = SparsePauliOp.from_list([("ZZ", 1.0), ("IZ", 0.7), ("XX", 0.5), ("YI", 0.3), ("II", 2.0)])
    exact = Statevector(circuit).expectation_value(observable).real
    variances = estimator_variances(observable, Statevector(circuit).data)
    estimator = BackendEstimatorV2(backend=AerSimulator(), options={"seed_simulator": 3})
    # Aer adds a fixed step to the seed from circuit to circuit, so that all 400 are drawn anew.
    results = estimator.run([(circuit, observable)] * 400, precision=0.1).result()
    values = np.array([float(one.data.evs) for one in results])
    assert values.mean() == pytest.approx(exact, abs=5 * values.std() / 20)
    assert values.var() == pytest.approx(sum(variances) / 100, rel=5 * np.sqrt(2 / 400))


def test_lih_takes_half_the_shots_or_less_by_our_shares():
    found = table("LiH")
    peer = found["BackendEstimatorV2"]["shots"]
    for row in found["groupings"].values():
        assert 2 * row["shots"]["prior"] < min(peer, row["shots"]["uniform"] * 1.0)
        assert row["shots"]["optimal"] <= row["shots"]["adaptive"] * 1.001
    assert "LiH" in shown({"LiH": found})
