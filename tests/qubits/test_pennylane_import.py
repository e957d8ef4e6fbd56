"""PennyLane's circuits against PennyLane's own states and matrices."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import Operator, Statevector

import hybridq as hq
from hybridq.qubits.pennylane import TABLE, observable_from_pennylane

qml = pytest.importorskip("pennylane")


def ours(circuit, row):
    """The state with wire 0 as the highest bit, as PennyLane has it."""
    return Statevector(circuit.to_qiskit().assign_parameters(row)).reverse_qargs().data


def theirs(function, n, *arguments, **keywords):
    @qml.qnode(qml.device("default.qubit", wires=n))
    def node(*values):
        function(*values, **keywords)
        return qml.state()

    return node(*arguments)


def agree(a, b):
    assert abs(np.vdot(a, b)) == pytest.approx(1, abs=1e-9)


def check(function, n, *arguments, **keywords):
    """At the values that were given, and at others: the circuit knows how angles follow from arguments."""
    node = qml.QNode(function, qml.device("default.qubit", wires=n))
    circuit = hq.from_pennylane(node, *arguments, **keywords)
    agree(ours(circuit, circuit.start), theirs(function, n, *arguments, **keywords))
    rng = np.random.default_rng(7)
    moved = [rng.normal(size=np.shape(a)) if np.asarray(a).dtype.kind == "f" else a for a in arguments]
    moved = [float(a) if np.ndim(a) == 0 and isinstance(b, float) else a for a, b in zip(moved, arguments, strict=True)]
    row = np.concatenate(
        [np.ravel(a) for a, b in zip(moved, arguments, strict=True) if np.asarray(b).dtype.kind == "f"]
    )
    agree(ours(circuit, row), theirs(function, n, *moved, **keywords))
    return circuit


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_gate_of_the_table_is_pennylanes_gate(name):
    base = re.fullmatch(r"Adjoint\((.*)\)", name)
    kind = getattr(qml, base[1] if base else name)
    n, k = kind.num_wires, kind.num_params
    values = [0.3, -0.8, 1.1][:k]

    def function(*angles):
        (qml.adjoint(kind) if base else kind)(*angles, wires=range(n))

    found = hq.from_pennylane(qml.QNode(function, qml.device("default.qubit", wires=n)), *values)
    matrix = Operator(found.to_qiskit().assign_parameters(found.start)).reverse_qargs().data
    expected = qml.matrix(function, wire_order=range(n))(*values)
    assert abs(np.trace(matrix.conj().T @ expected)) == pytest.approx(2**n, abs=1e-9)


def test_arithmetic_and_numpy_on_arguments_become_expressions():
    def function(x, y):
        qml.RX(2 * x[0] + 0.1, wires=0)
        qml.RY(np.sin(x[1]) * y, wires=1)
        qml.CNOT(wires=[0, 2])
        qml.RZ(x[0] - x[1] / 3, wires=2)
        qml.Hadamard(2)

    circuit = check(function, 3, np.array([0.3, -0.7]), 0.9)
    assert circuit.parameter_names == ("t[0]", "t[1]", "t[2]")
    assert circuit.initial == (0.3, -0.7, 0.9)


TEMPLATES = {
    "strong": (lambda w: qml.StronglyEntanglingLayers(w, wires=range(3)), 3, np.linspace(-1, 1, 18).reshape(2, 3, 3)),
    "basic": (lambda w: qml.BasicEntanglerLayers(w, wires=range(3)), 3, np.linspace(-1, 1, 6).reshape(2, 3)),
    "pauli": (lambda w: (qml.Hadamard(0), qml.PauliRot(w[0], "XYZ", wires=[2, 0, 1])), 3, np.array([0.7])),
    "multirz": (lambda w: (qml.RX(w[0], 0), qml.MultiRZ(w[1], wires=[0, 1, 2])), 3, np.array([0.7, 0.2])),
    "doubles": (
        lambda w: (
            qml.BasisState(np.array([1, 1, 0, 0]), wires=range(4)),
            qml.DoubleExcitation(w[0], wires=range(4)),
            qml.SingleExcitation(w[1], wires=[0, 2]),
        ),
        4,
        np.array([0.4, -0.3]),
    ),
    "rot": (lambda w: (qml.Rot(w[0], w[1], w[2], wires=1), qml.U2(w[0], w[1], wires=0)), 2, np.array([0.4, -0.3, 0.2])),
    "adjoint": (
        lambda w: (qml.Hadamard(0), qml.adjoint(qml.RX)(w[0], wires=0), qml.CRX(w[0], [0, 1])),
        2,
        np.array([0.4]),
    ),
    "unitary": (
        lambda w: (qml.RX(w[0], 0), qml.QubitUnitary(np.array([[1, 1], [1j, -1j]]) / 2**0.5, wires=0)),
        1,
        np.array([0.4]),
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_are_taken_apart(name):
    function, n, weights = TEMPLATES[name]
    check(function, n, weights)


@given(st.data())
@settings(max_examples=25)
def test_random_tapes_keep_their_matrix(data):
    n = 3
    operations = []
    for _ in range(data.draw(st.integers(1, 10))):
        name = data.draw(st.sampled_from(sorted(set(TABLE) - {k for k in TABLE if k.startswith("Adjoint")})))
        kind = getattr(qml, name)
        wires = data.draw(st.permutations(range(n)))[: kind.num_wires]
        operations.append(kind(*(data.draw(st.floats(-3, 3)) for _ in range(kind.num_params)), wires=wires))
    operations += [qml.Identity(w) for w in range(n)]
    tape = qml.tape.QuantumScript(operations)
    found = hq.from_pennylane(tape)
    assert found.n_parameters == len(tape.get_parameters())
    order = list(tape.wires)
    matrix = Operator(found.to_qiskit().assign_parameters(found.start) if found.n_parameters else found.to_qiskit())
    expected = qml.matrix(tape, wire_order=order)
    assert abs(np.trace(matrix.reverse_qargs().data.conj().T @ expected)) == pytest.approx(8, abs=1e-8)


def test_a_tape_gives_its_trainable_parameters_only():
    tape = qml.tape.QuantumScript(
        [qml.RX(0.3, wires=0), qml.RY(0.5, wires=0), qml.CNOT([0, 1])], [qml.expval(qml.Z(0))], trainable_params=[1]
    )
    found = hq.from_pennylane(tape)
    assert found.initial == (0.5,)
    agree(ours(found, [0.5]), qml.matrix(tape, wire_order=[0, 1])[:, 0])


def test_constants_are_no_parameters():
    def function(depth, x, flag, frozen):
        for _ in range(depth):
            qml.RX(x, wires=0)
        if flag:
            qml.RY(frozen, wires=0)

    frozen = qml.numpy.array(0.25, requires_grad=False)
    found = hq.from_pennylane(function, 3, 0.1, True, frozen)
    assert (found.n_parameters, found.parameter_names, found.kinds()) == (1, ("x[0]",), {"rx": 3, "ry": 1})


def test_wires_of_a_device_keep_their_order_and_idle_ones_stay():
    @qml.qnode(qml.device("default.qubit", wires=["b", "idle", "a"]))
    def node(x):
        qml.RX(x, wires="a")
        qml.CNOT(["a", "b"])
        return qml.expval(qml.Z("b"))

    found = hq.from_pennylane(node, 0.4)
    assert found.n_qubits == 3
    assert [gate.qubits for gate in found.gates] == [(2,), (2, 0)]


def test_an_observable_has_the_same_value_on_the_imported_circuit():
    h = qml.Hamiltonian([0.5, -1.2, 0.3], [qml.Z(0) @ qml.X(2), qml.Y(1), qml.Identity(0)])

    @qml.qnode(qml.device("default.qubit", wires=3))
    def node(w):
        qml.StronglyEntanglingLayers(w, wires=range(3))
        return qml.expval(h)

    w = np.linspace(-1, 2, 9).reshape(1, 3, 3)
    found, observable = hq.from_pennylane(node, w), observable_from_pennylane(h)
    v = Statevector(found.to_qiskit().assign_parameters(found.start)).data
    assert np.vdot(v, observable.to_matrix() @ v).real == pytest.approx(float(node(w)), abs=1e-9)
    assert observable_from_pennylane(qml.Z("b"), ["a", "b"]) == hq.PauliSum.of({"ZI": 1.0})


def middle(x):
    qml.RX(x, wires=0)
    qml.cond(qml.measure(0), qml.X)(1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: hq.from_pennylane(middle, 0.3), "a measurement before its end"),
        (lambda: hq.from_pennylane(lambda x: qml.RX(x[0], wires=0), np.array([0.1, 0.2])), r"no gate uses .*x\[1\]"),
        (lambda: hq.from_pennylane(lambda x: None, 0.1), "queues no operations"),
        (lambda: hq.from_pennylane(lambda x: qml.RX(x if x > 0 else -x, wires=0), 0.1), "cannot be traced"),
        (lambda: hq.from_pennylane(lambda x: qml.ctrl(qml.RX, control=[1, 2])(x, wires=0), 0.1), "PauliRot"),
        (lambda: hq.from_pennylane(lambda: qml.RX(np.array([0.1, 0.2]), wires=0)), "batch of 2"),
        (lambda: hq.from_pennylane(3), "got int"),
        (lambda: hq.from_pennylane(qml.tape.QuantumScript([qml.X(0)]), 0.1), "no arguments"),
        (lambda: hq.from_pennylane(lambda: qml.QubitChannel([np.eye(2)], wires=0)), "no decomposition of QubitChannel"),
        (lambda: observable_from_pennylane(qml.Hermitian(np.eye(2), 0)), "Pauli operators"),
        (lambda: observable_from_pennylane(1j * qml.Z(0)), "not Hermitian"),
        (lambda: observable_from_pennylane(qml.Z(3), [0, 1]), r"wires \[3\]"),
        (lambda: hq.QubitCircuit.of(qml.QNode(middle, qml.device("default.qubit"))), r"from_pennylane"),
        (lambda: hq.PauliSum.of(qml.Z(0)), r"observable_from_pennylane"),
        (lambda: hq.VQE(qml.Z(0) @ qml.X(1), "hea"), r"observable_from_pennylane"),
        (lambda: hq.QubitCircuit.of(qml.tape.QuantumScript([qml.X(0)])), r"from_pennylane"),
    ],
)
def test_what_cannot_be_taken_says_why(make, says):
    with pytest.raises(hq.InputError, match=says):
        make()


def test_a_missing_pennylane_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pennylane", None)
    with pytest.raises(hq.MissingPackage, match="pip install 'pennylane"):
        hq.from_pennylane(middle, 0.3)
