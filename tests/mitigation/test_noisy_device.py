"""On the noise of a real device's calibration, mitigation brings an energy nearer by more than the error bars."""

from __future__ import annotations

import numpy as np
import pytest

import hybridq as hq
from hybridq.hardware.transpile import bound, compile_for
from hybridq.measurement import Sample, measurement
from hybridq.mitigation import Mitigation, Readout, Symmetry, calibration_circuits, extrapolate, fold, mitigated
from hybridq.qubits import encoding_for, pauli_strings, to_qiskit

pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("qiskit_aer")
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

SHOTS = 20_000


@pytest.fixture(scope="module")
def measured():
    """Energies of H2 on four qubits of ibm_manila: (value, standard error) by mitigation, and the noiseless one."""
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    circuit = hq.ansatz("uccsd").build(problem)
    code = encoding_for("jordan_wigner", circuit)
    values = np.full(circuit.n_parameters, -0.11)
    found = measurement(pauli_strings(problem.hamiltonian, code))
    symmetry = Symmetry.for_circuit(circuit, code)
    plain = to_qiskit(circuit, code)
    ideal = Statevector(plain.assign_parameters(values))
    exact = ideal.expectation_value(pauli_strings(problem.hamiltonian, code).to_sparse_pauli_op()).real
    device = FakeManilaV2()
    simulator = AerSimulator.from_backend(device, seed_simulator=11)

    def run(program):
        counts = simulator.run(program, shots=SHOTS).result().get_counts()
        return Sample.of(counts, 4)

    compiled = compile_for(device, plain, [setting.tail() for setting in found.settings])
    readouts = {}
    for places in set(compiled.qubits):
        programs = compile_for(device, QuantumCircuit(4), calibration_circuits(4), places).programs
        readouts[places] = Readout.of(*(run(program) for program in programs))
    samples = {f: [run(bound(fold(p, f), values)) for p in compiled.programs] for f in (1, 3)}

    def energy(factor, words):
        how = Mitigation.of(words)
        total, variance = found.constant, 0.0
        for setting, sample, places in zip(found.settings, samples[factor], compiled.qubits, strict=True):
            readout = readouts[places] if how.readout else None
            mean, spread = mitigated(setting, sample, readout, symmetry if how.symmetry else None, how)
            total, variance = total + mean, variance + spread
        return total, np.sqrt(variance)

    told = {w: energy(1, w) for w in ("", "readout", "symmetry", "readout,symmetry", "readout=bounded")}
    points = [energy(f, "readout,symmetry") for f in (1, 3)]
    told["zne"] = extrapolate((1, 3), *zip(*points, strict=True), "linear")
    return exact, told


@pytest.mark.parametrize("words", ["readout", "readout=bounded", "symmetry", "readout,symmetry"])
def test_the_energy_is_nearer_than_raw_by_more_than_the_error_bars(measured, words):
    exact, told = measured
    (raw, raw_error), (found, error) = told[""], told[words]
    assert abs(raw - exact) - abs(found - exact) > 3 * np.hypot(raw_error, error)


def test_both_together_are_nearer_than_readout_alone(measured):
    exact, told = measured
    assert abs(told["readout,symmetry"][0] - exact) < abs(told["readout"][0] - exact)


def test_extrapolation_takes_away_what_the_checks_leave(measured):
    exact, told = measured
    (left, _), (found, error) = told["readout,symmetry"], told["zne"]
    assert abs(found - exact) < abs(left - exact)
    assert abs(found - exact) < 0.01 + 4 * error
