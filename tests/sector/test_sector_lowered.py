"""The engine against the same circuits as Qiskit gates, simulated by Qiskit."""

from __future__ import annotations

import numpy as np
import pytest

import hybridq as hq
from hybridq.qubits import jordan_wigner, parity_reduced
from hybridq_sector.engine import Engine
from hybridq_sector.program import compile_circuit

FAMILIES = ("uccsd", "uccgsd", "k-upccgsd", "pccd", "lucj")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("reduced", [False, True], ids=["jordan-wigner", "parity, two qubits less"])
def test_the_state_equals_that_of_the_lowered_circuit(family, reduced):
    from qiskit.quantum_info import Statevector

    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2.2", "sto-3g", charge=1)
    circuit = hq.ansatz(family).build(problem)
    row = np.random.default_rng(3).uniform(-1, 1, circuit.n_parameters)
    engine = Engine(compile_circuit(circuit), None)
    engine.prepare(row)
    n, electrons = circuit.n_orbitals, (circuit.n_alpha, circuit.n_beta)
    encoding = parity_reduced(n, *electrons) if reduced else jordan_wigner(n)
    gates = hq.to_qiskit(circuit, encoding).assign_parameters(row)
    amplitudes = Statevector(gates).data
    places = encoding.basis_states(*electrons)
    np.testing.assert_allclose(amplitudes[places].reshape(engine.psi.shape), engine.psi, atol=1e-12)
    assert np.linalg.norm(amplitudes[places]) == pytest.approx(1, abs=1e-12)
