"""What is sent to a host arrives as it was: circuits, runs, and no secrets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Operator

import hybridq as hq
from hybridq.contract.errors import BackendError
from hybridq.hardware import Run
from hybridq.hardware.host import masking
from hybridq.hardware.host.wire import (
    QPY,
    Ref,
    circuits_from,
    circuits_text,
    line_of,
    message_of,
    read_version,
    run_data,
    run_from,
    wire_version,
)
from hybridq.qubits import to_qiskit

STEPS = st.lists(
    st.tuples(st.sampled_from(["rx", "ry", "rz", "cx", "rzz", "h"]), st.integers(0, 2), st.integers(0, 3)),
    min_size=1,
    max_size=12,
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def circuit_of(steps):
    t = ParameterVector("t", 12)
    last = Parameter("a")
    circuit = QuantumCircuit(3)
    for name, qubit, k in steps:
        angle = (t[11] * 0.5, -t[2] + t[10], last * 2 + 0.1, 0.3)[k]
        if name == "h":
            circuit.h(qubit)
        elif name == "cx":
            circuit.cx(qubit, (qubit + 1) % 3)
        elif name == "rzz":
            circuit.rzz(angle, qubit, (qubit + 1) % 3)
        else:
            getattr(circuit, name)(angle, qubit)
    return circuit


@settings(max_examples=30)
@given(STEPS)
def test_circuits_arrive_with_the_same_parameters_in_the_same_order_and_do_the_same(steps):
    circuit = circuit_of(steps)
    circuit.metadata = {"ours": object()}
    (arrived,) = circuits_from(circuits_text([circuit]))
    assert [p.name for p in arrived.parameters] == [p.name for p in circuit.parameters]
    values = np.linspace(0.1, 1.7, circuit.num_parameters)
    assert Operator(arrived.assign_parameters(values)) == Operator(circuit.assign_parameters(values))


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
def test_fermionic_circuits_arrive_with_their_evolutions_unsynthesized():
    circuit = to_qiskit(hq.ansatz("uccsd").build(h2()), synthesize=False)
    (arrived,) = circuits_from(circuits_text([circuit]))
    assert arrived.count_ops() == circuit.count_ops()
    values = np.array([0.3, -0.2, 0.1])[: circuit.num_parameters]
    assert Operator(arrived.assign_parameters(values)) == Operator(circuit.assign_parameters(values))


@given(st.lists(FLOATS, max_size=5), st.integers(1, 10**9), st.none() | st.integers(0, 2**63 - 1))
def test_runs_arrive_bit_for_bit(values, shots, seed):
    sent = run_data(Run(None, np.array(values), shots, seed), Ref("key", 2, 3))
    ref, run = run_from(message_of(line_of({"runs": [sent]}))["runs"][0])
    assert ref == Ref("key", 2, 3)
    assert run.values.tobytes() == np.array(values, dtype=np.float64).tobytes()
    assert (run.shots, run.seed) == (shots, seed)


def test_a_message_is_one_line_whatever_it_holds():
    line = line_of({"text": "a\nb", "array": np.arange(3), "number": np.float64(0.1), "odd": {3}})
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"text": "a\nb", "array": [0, 1, 2], "number": 0.1, "odd": [3]}


@pytest.mark.parametrize("line", [b"\n", b"hello\n", b"[1]\n", b"\xff\n", b'{"a": \n'])
def test_what_is_no_message_is_told_from_one(line):
    assert message_of(line) is None


def test_circuits_are_written_as_an_old_qiskit_reads_them():
    assert wire_version() >= QPY
    assert wire_version() <= read_version()


def test_what_is_no_circuit_is_refused_in_words():
    with pytest.raises(BackendError, match="cannot read the circuits"):
        circuits_from("AAAA")


def test_secrets_are_masked_in_what_vendors_say(monkeypatch):
    monkeypatch.setenv("VENDOR_API_KEY", "s3cr3t-value")
    monkeypatch.setenv("HARMLESS", "plain-value")
    said = (
        "401 for s3cr3t-value (plain-value), header Bearer abcdefgh12345678, "
        "https://me:hidden@host/path, token=abcdefghijklmnop0123, eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.sig"
    )
    heard = masking.masked(said)
    for secret in ("s3cr3t-value", "abcdefgh12345678", "hidden", "abcdefghijklmnop0123", "eyJzdWIi"):
        assert secret not in heard
    assert "plain-value" in heard
    assert "https://***@host/path" in heard


def test_options_that_hold_secrets_are_known_by_name():
    options = {"token": "x", "api_key": "y", "url": "z", "seed": 3, "tokens": 5, "key_frame": "q"}
    assert masking.secrets_among(options) == ["token", "api_key"]


def h2():
    from pyscf import M

    return hq.Problem.from_pyscf(M(atom="H 0 0 0; H 0 0 0.74", basis="sto-3g", verbose=0).RHF().run())
