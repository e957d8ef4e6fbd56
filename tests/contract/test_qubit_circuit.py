"""Qiskit circuits as the engines read them: the same state, angles and derivatives; what cannot be read is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import PauliEvolutionGate, efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector

import hybridq as hq
from hybridq.contract import circuit_file
from hybridq.contract.errors import InputError
from hybridq.contract.qubit_circuit import FIXED, TURNS, QubitCircuit
from hybridq.derive import gradient_from_result, gradient_task

ONE, TWO = ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg"), ("cx", "cy", "cz", "swap")
TURN_ONE, TURN_TWO = ("rx", "ry", "rz", "p"), ("rxx", "ryy", "rzz", "cp", "crx", "cry", "crz")
ROW = np.array([0.3, -1.2])
OP = SparsePauliOp(["XIZ", "YYI", "III", "ZZZ"], [0.5, -0.25, 1, 0.75])


def mixed():
    """Gates of all kinds, expressions linear and not, and a measurement at the end."""
    a, b = Parameter("a"), Parameter("b")
    made = QuantumCircuit(3)
    made.h(0)
    made.rx(2 * a + b + 0.3, 0)
    made.u(a, b, 0.1, 1)
    made.ry(a * b, 2)
    made.crx(a.sin(), 0, 2)
    made.rzz(-b / 2, 1, 2)
    made.append(PauliEvolutionGate(SparsePauliOp(["XYZ", "ZZI"], [0.3, 0.7]), time=a), [0, 1, 2])
    return made


def state(circuit, row):
    return Statevector(circuit.assign_parameters(row)).data


def energies(task):
    circuit, op = task.qubits.to_qiskit(), task.paulis.to_sparse_pauli_op()
    found = np.array([Statevector(circuit.assign_parameters(row)).expectation_value(op).real for row in task.params])
    return hq.Result(found, np.zeros_like(found))


@st.composite
def circuits(draw):
    n = draw(st.integers(2, 4))
    made = QuantumCircuit(n)
    t = ParameterVector("t", 3)
    for _ in range(draw(st.integers(1, 12))):
        a, b = draw(st.permutations(range(n)))[:2]
        kind = draw(st.sampled_from((ONE, TWO, TURN_ONE, TURN_TWO)))
        name = draw(st.sampled_from(kind))
        angle = draw(st.sampled_from((0.7, t[0], 2 * t[1] - 0.1, t[0] + t[2], t[1] * t[2])))
        qubits = (a,) if kind in (ONE, TURN_ONE) else (a, b)
        getattr(made, name)(*((angle,) if kind in (TURN_ONE, TURN_TWO) else ()), *qubits)
    return made


@given(circuits(), st.integers(0, 1000))
def test_gates_and_angles_give_qiskits_state_up_to_a_phase(circuit, seed):
    row = np.random.default_rng(seed).normal(size=circuit.num_parameters)
    made = QubitCircuit.of(circuit)
    assert made.n_parameters == circuit.num_parameters
    assert {gate.name for gate in made.gates} <= {*FIXED, *TURNS}
    rebuilt = made.unshared().to_qiskit()
    overlap = np.vdot(state(circuit, row), state(rebuilt, made.angles(row)))
    assert abs(overlap) == pytest.approx(1.0, abs=1e-12)


@given(circuits(), st.integers(0, 1000))
def test_the_shift_rule_gives_the_derivative_of_any_circuit(circuit, seed):
    n = circuit.num_qubits
    row = np.random.default_rng(seed).normal(size=circuit.num_parameters)
    task = hq.Task(circuit, row, {"Z" * n: 1.0, "X" + "I" * (n - 1): 0.5, "Y" * n: -0.3}, "gradient")
    found = gradient_from_result(task, energies(gradient_task(task))).value[0]
    for k, step in enumerate(1e-5 * np.eye(len(row))):
        pair = hq.Task(circuit, np.array([row + step, row - step]), task.observable)
        up, down = energies(pair).value
        assert found[k] == pytest.approx((up - down) / 2e-5, abs=1e-8)


def test_expressions_of_parameters_are_followed_exactly():
    circuit = mixed()
    made = QubitCircuit.of(circuit)
    angles = made.angles(ROW)
    assert 2 * 0.3 - 1.2 + 0.3 in [pytest.approx(x) for x in angles]
    assert 0.3 * -1.2 in [pytest.approx(x) for x in angles]
    task = hq.Task(circuit, ROW, OP, "gradient")
    found = gradient_from_result(task, energies(gradient_task(task)))
    for k, step in enumerate(1e-5 * np.eye(2)):
        up, down = energies(hq.Task(circuit, np.array([ROW + step, ROW - step]), OP)).value
        assert found.value[0, k] == pytest.approx((up - down) / 2e-5, abs=1e-8)


def test_names_of_parameters_do_not_count_and_angles_do():
    circuit = mixed()
    a, b = circuit.parameters
    renamed = circuit.assign_parameters({a: Parameter("x"), b: Parameter("y")})
    other = circuit.assign_parameters({a: Parameter("x"), b: 2 * Parameter("y")})
    made = QubitCircuit.of(circuit)
    assert made == QubitCircuit.of(renamed)
    assert hash(made) == hash(QubitCircuit.of(renamed))
    assert made != QubitCircuit.of(other)
    assert made.parameter_names == ("a", "b")


def test_the_digest_is_the_same_on_every_machine():
    circuit = QuantumCircuit(2)
    circuit.ry(2 * Parameter("a"), 0)
    circuit.cx(0, 1)
    digest = QubitCircuit.of(circuit).digest
    assert digest == "b9849944cb1a6dd39c9b68c3e0a9ce601af4a755bb6fad93f5155ec58a1a9606"


def test_a_circuit_comes_back_from_its_file():
    made = QubitCircuit.of(mixed(), initial=ROW, name="mixed")
    again = circuit_file.from_text(circuit_file.to_text(made))
    assert again == made
    assert (again.name, again.initial, again.parameter_names) == ("mixed", tuple(ROW), ("a", "b"))


def test_measurements_at_the_end_are_left_out_and_said():
    circuit = mixed()
    circuit.measure_all()
    made = QubitCircuit.of(circuit)
    assert made == QubitCircuit.of(mixed())
    assert made.notes == ("measurements at the end were left out",)


def middle():
    made = QuantumCircuit(1, 1)
    made.h(0)
    made.measure(0, 0)
    made.h(0)
    return made


def conditional():
    made = QuantumCircuit(1, 1)
    with made.if_test((made.clbits[0], True)):
        made.x(0)
    return made


def reset():
    made = QuantumCircuit(1)
    made.reset(0)
    return made


def phase_only():
    made = QuantumCircuit(1)
    made.global_phase = Parameter("a")
    return made


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (middle, "instruction 1 .* measures in its middle"),
        (conditional, "instruction 0 .* 'if_else'"),
        (reset, "instruction 0 .* 'reset'"),
        (phase_only, "'a'.* change nothing but a global phase"),
        (lambda: "x 0", "got str"),
        (lambda: QuantumCircuit(0), "no qubits"),
    ],
)
def test_what_is_no_circuit_of_gates_is_refused_in_words(make, told):
    with pytest.raises(InputError, match=told):
        QubitCircuit.of(make())


def test_the_wrong_observable_or_row_is_refused_in_words():
    circuit = efficient_su2(3, reps=1)
    row = np.zeros(12)
    with pytest.raises(InputError, match="on 2 qubits, the circuit on 3"):
        hq.Task(circuit, row, {"ZZ": 1.0})
    with pytest.raises(InputError, match=r"shape \(n_rows, 12\)"):
        hq.Task(circuit, row[1:], {"ZZZ": 1.0})
    with pytest.raises(InputError, match="not Hermitian"):
        hq.Task(circuit, row, SparsePauliOp(["ZZZ"], [1j]))
    h2 = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    with pytest.raises(InputError, match="problem.to_qubits"):
        hq.Task(circuit, row, h2.hamiltonian)
    with pytest.raises(InputError, match="make a qubit circuit first"):
        hq.Task(hq.ansatz("uccsd").build(h2), [0.0], {"ZZZZ": 1.0})
    with pytest.raises(InputError, match="'rdm' is for fermionic circuits"):
        hq.Task(circuit, row, driver="rdm")
