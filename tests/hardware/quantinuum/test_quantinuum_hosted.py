"""Quantinuum's packages in an environment of their own, used from here through a host."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from test_qiskit_backend import QUICK, exact, h2, rows

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError
from hybridq.hardware import Run
from hybridq.registry import backend
from hybridq_host import HostedDevice

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def python():
    """The Python of an environment with Quantinuum's packages: this one, where it has them."""
    own = ROOT / ".venv-quantinuum" / "bin" / "python"
    found = os.environ.get("HYBRIDQ_HOST_QUANTINUUM") or (str(own) if own.exists() else "")
    if not found and importlib.util.find_spec("pytket_pecos") is not None:
        found = sys.executable
    if not found:
        pytest.skip(
            "there is no environment for quantinuum: python -m venv .venv-quantinuum, install hybridq-sdk[quantinuum] "
            "there, or set HYBRIDQ_HOST_QUANTINUUM"
        )
    return found


@pytest.fixture(scope="module")
def device(python):
    made = HostedDevice(python, "quantinuum:H1-1LE")
    yield made
    made.close()


@pytest.mark.parametrize("mitigation", ["readout", "zne=linear,factors=1/3"])
def test_energies_through_a_host_agree_with_exact_ones(python, mitigation):
    problem, circuit = h2()
    words = {"mitigation": mitigation, "readout_shots": 200, "patience": QUICK}
    made = backend("host:quantinuum:H1-1LE", python=python, **words)
    task = hq.Task(circuit, rows(2), problem.hamiltonian, shots=2000, seed=3)
    (result,) = made.submit([task]).result(120)
    assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5
    assert result.provenance["compiled"]["hqc"]["per_circuit"] == 5
    assert made.device.facts()["pytket"]
    assert any("ZZPhase" in one["program"] for job in made.requests([task]) for one in job["circuits"])
    made.device.close()


def test_bits_through_a_host_are_those_of_their_qubits(device):
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.swap(0, 1)
    (program,) = device.compile(circuit, [QuantumCircuit(3)]).programs
    job_id = device.submit([Run(program, np.zeros(0), 25)], "tag")
    while device.status(job_id) is Status.RUNNING:
        pass
    assert device.counts(job_id) == [{"010": 25}]


def test_what_is_wrong_there_is_told_here(python):
    with pytest.raises((BackendError, InputError), match="Known: H1-1LE, H2-1LE, H2-2LE"):
        backend("host:quantinuum:H7-1LE", python=python)
