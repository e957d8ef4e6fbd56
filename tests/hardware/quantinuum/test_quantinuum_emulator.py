"""Quantinuum's local emulator: what tket compiles does what the circuit does, and its bits are in order."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("pytket.extensions.quantinuum", reason="pytket-quantinuum is not installed: its extra quantinuum")
pytest.importorskip("pytket_pecos", reason="pytket-pecos is not installed: pytket-quantinuum's extra pecos")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp, Statevector
from test_qiskit_backend import QUICK, exact, h2, rows

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import CapacityError, InputError, JobNotFound
from hybridq.hardware import DeviceBackend, Price, Run
from hybridq.qubits import encoding_for, to_qiskit
from hybridq.registry import backend
from hybridq.testing import BackendConformance
from hybridq_quantinuum import EmulatorDevice, QuantinuumBackend, compiling
from hybridq_quantinuum.program import hqc_per_shot


def finished(device, runs):
    job_id = device.submit(runs, "tag")
    while device.status(job_id) is Status.RUNNING:
        pass
    assert device.status(job_id) is Status.DONE, device.failure(job_id)
    return device.counts(job_id)


def measured_away(circuit):
    """The circuit of a program before its measurements, such that tket can say its state."""
    from pytket.circuit import Circuit, OpType

    made = Circuit()
    for qubit in circuit.qubits:
        made.add_qubit(qubit)
    places = {}
    for command in circuit.get_commands():
        if command.op.type == OpType.Measure:
            places[command.bits[0].index[0]] = command.qubits[0].index[0]
        else:
            made.add_gate(command.op, command.qubits)
    return made, [places[k] for k in range(circuit.n_bits)]


def read(circuit):
    """Probabilities of what is read, qubit 0 least significant, from tket's own state vector."""
    made, places = measured_away(circuit)
    n = circuit.n_bits
    weights = (np.abs(made.get_statevector()) ** 2).reshape((2,) * n)  # tket: qubit 0 first
    return weights.transpose([places[k] for k in reversed(range(n))]).reshape(-1)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("ones", [(0,), (1,), (0, 2), (1, 3)])
def test_each_bit_is_that_of_its_qubit_wherever_swaps_led(level, ones):
    device = EmulatorDevice(optimization_level=level)
    circuit, tail = QuantumCircuit(4), QuantumCircuit(4)
    for q in ones:
        circuit.x(q)
    circuit.swap(0, 3)
    circuit.cx(3, 1)
    circuit.swap(1, 2)
    tail.x(2)
    tail.cx(2, 0)
    wanted = [Statevector(circuit), Statevector(circuit.compose(tail))]
    compiled = device.compile(circuit, [QuantumCircuit(4), tail])
    found = finished(device, [Run(program, np.zeros(0), 20) for program in compiled.programs])
    assert found == [{format(int(np.argmax(state.probabilities())), "04b"): 20} for state in wanted]


GATES = st.tuples(
    st.sampled_from(["ry", "rz", "rx", "h", "cx", "swap", "cp", "rzz", "ryy", "t", "pauli", "sx"]),
    st.permutations(range(3)),
    st.integers(0, 3),
    st.floats(-3, 3, allow_nan=False),
)


def built(gates, free):
    t = ParameterVector("θ", 4)
    made = QuantumCircuit(3)
    for name, (a, b, c), k, x in gates:
        angle = x * t[k] + x / 2 if free else x
        if name in ("h", "t", "sx"):
            getattr(made, name)(a)
        elif name in ("ry", "rz", "rx"):
            getattr(made, name)(angle, a)
        elif name in ("cx", "swap"):
            getattr(made, name)(a, b)
        elif name == "pauli":
            made.append(PauliEvolutionGate(SparsePauliOp(["XYZ", "YXZ"], [0.5, -0.3]), time=angle), [a, b, c])
        else:
            getattr(made, name)(angle, a, b)
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(GATES, max_size=9), st.lists(GATES, max_size=4), st.integers(0, 2), st.sampled_from([1, 3]))
def test_any_circuit_is_read_as_its_state_says(body, tail, level, factor):
    device = EmulatorDevice(optimization_level=level)
    circuit, after = built(body, True), built(tail, False)
    for program, whole in zip(
        device.compile(circuit, [QuantumCircuit(3), after]).programs, (circuit, circuit.compose(after)), strict=True
    ):
        for values in (np.linspace(-2, 1.7, circuit.num_parameters), np.zeros(circuit.num_parameters)):
            weights = Statevector(whole.assign_parameters(values)).probabilities()
            assert np.abs(read(device.fold(program, factor).bound(values)) - weights).max() < 1e-8


def test_energies_agree_with_exact_ones_and_the_structure_is_compiled_once(monkeypatch):
    calls = []
    own = compiling._native

    def counted(tket_backend, circuit, level):
        calls.append(len(circuit.free_symbols()))
        return own(tket_backend, circuit, level)

    monkeypatch.setattr(compiling, "_native", counted)
    problem, circuit = h2()
    made = QuantinuumBackend("H1-1LE", patience=QUICK)
    task = hq.Task(circuit, rows(3), problem.hamiltonian, shots=3000, seed=5)
    (result,) = made.submit([task]).result(60)
    assert np.abs((result.value - exact(rows(3))) / result.stderr).max() < 5
    assert sum(n > 0 for n in calls) == 1
    n_calls = len(calls)
    (again,) = made.submit([task]).result(60)
    assert (again.value == result.value).all()
    assert len(calls) == n_calls
    assert result.provenance["compiled"]["hqc"]["per_circuit"] == 5


@pytest.mark.parametrize("options", [{"mitigation": "zne=linear"}, {"mitigation": "readout,symmetry"},
                                     {"grouping": "commuting"}, {"grouping": "basis-rotation"}])  # fmt: skip
def test_energies_agree_under_each_way_of_measuring(options):
    problem, circuit = h2()
    made = QuantinuumBackend("H1-1LE", patience=QUICK, readout_shots=500, **options)
    (result,) = made.submit([hq.Task(circuit, rows(1), problem.hamiltonian, shots=4000, seed=1)]).result(60)
    assert np.abs((result.value - exact(rows(1))) / result.stderr).max() < 5


def test_folding_repeats_two_qubit_gates_and_nothing_else():
    device = EmulatorDevice(optimization_level=1)
    (program,) = device.compile(built([("ryy", (0, 1, 2), 0, 1.0), ("h", (1, 0, 2), 0, 0)], True), [QuantumCircuit(3)])\
        .programs  # fmt: skip
    before, after = program.gates, device.fold(program, 5).gates
    assert after.pop("ZZPhase") == 5 * before.pop("ZZPhase") > 0
    assert before == after
    for factor in (0, 2, -1, True):
        with pytest.raises(InputError, match="odd"):
            device.fold(program, factor)


def test_products_of_pauli_exponentials_take_less_than_half_the_two_qubit_gates_at_the_highest_level():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g")
    circuit = hq.VQE(problem, backend="sector", progress=False).circuit
    plain = to_qiskit(circuit, encoding_for("parity_reduced", circuit), synthesize=False)
    number = []
    for level in (1, 2):
        made = EmulatorDevice(optimization_level=level).compile(plain, [QuantumCircuit(plain.num_qubits)])
        number.append(made.facts["two_qubit_gates"])
    assert 0 < number[1] < 0.5 * number[0]


def test_another_process_compiles_the_same_programs():
    script = (
        "from test_quantinuum_emulator import *\n"
        "c = built([('ryy', (0, 1, 2), 0, 1.5), ('pauli', (1, 0, 2), 1, .7), ('swap', (2, 0, 1), 0, 0)], True)\n"
        "print(EmulatorDevice().compile(c, [QuantumCircuit(3)]).programs)"
    )
    told = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        told.add(done.stdout)
    assert len(told) == 1


def test_credits_are_those_of_the_published_formula():
    gates = {"PhasedX": 7, "Rz": 11, "ZZPhase": 4, "ZZMax": 1, "Measure": 3, "Reset": 2}
    assert hqc_per_shot(gates, 3) == pytest.approx((7 + 10 * 5 + 5 * (3 + 3 + 2)) / 5000)
    device = EmulatorDevice()
    circuit = QuantumCircuit(2)
    circuit.rzz(0.3, 0, 1)
    circuit.rx(0.5, 0)
    runs = [Run(program, np.zeros(0), 1000) for program in device.compile(circuit, [QuantumCircuit(2)] * 2).programs]
    twos, ones = runs[0].program.gates.get("ZZPhase", 0), runs[0].program.gates["PhasedX"]
    assert device.hqc(runs) == pytest.approx(2 * (5 + 1000 * (ones + 10 * twos + 5 * 4) / 5000))
    assert device.price(runs) == Price()  # the emulator is free


def test_jobs_are_cancelled_told_and_forgotten_with_the_process():
    device = EmulatorDevice()
    (program,) = device.compile(built([("h", (0, 1, 2), 0, 0)], False), [QuantumCircuit(3)]).programs
    job_id = device.submit([Run(program, np.zeros(0), 500)] * 20, "a-tag")
    device.cancel(job_id)
    assert device.status(job_id) is Status.CANCELLED
    assert device.find("a-tag") == [job_id]
    assert device.find("another") == []
    with pytest.raises(JobNotFound, match="live in the process"):
        device.status("0" * 32)


def test_seeds_make_counts_and_circuits_of_a_job_have_shots_of_their_own():
    device = EmulatorDevice()
    (program,) = device.compile(built([("h", (0, 1, 2), 0, 0)], False), [QuantumCircuit(3)]).programs
    runs = [Run(program, np.zeros(0), shots, seed) for shots, seed in ((300, 1), (300, 1), (300, 2), (50, 2**40))]
    first, same, other, few = finished(device, runs)
    assert first == same != other
    assert all(counts == first for counts in finished(device, [runs[0]] * 20))
    assert sum(few.values()) == 50


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("H9-1LE", {}, "did you mean.*Known: H1-1LE, H2-1LE, H2-2LE"),
        ("H1-1LE", {"optimization_level": 3}, "optimization_level is 0, 1 or 2, got 3"),
        ("H1-1LE", {"dollars_per_hqc": 1.0}, "unknown option of backend 'quantinuum' 'dollars_per_hqc'"),
        ("H1-1LE", {"token": "x"}, "unknown option of backend 'quantinuum' 'token'"),
    ],
)
def test_what_makes_no_sense_is_refused(name, options, told):
    with pytest.raises(InputError, match=told):
        backend(f"quantinuum:{name}", **options)


def test_a_wide_circuit_is_refused():
    device = EmulatorDevice("H2-1LE")
    with pytest.raises(CapacityError, match="30 qubits and quantinuum:H2-1LE 26"):
        device.compile(QuantumCircuit(30), [QuantumCircuit(30)])


def test_values_that_do_not_fit_a_circuit_are_refused():
    device = EmulatorDevice()
    (program,) = device.compile(built([("ry", (0, 1, 2), 0, 1.0)], True), [QuantumCircuit(3)]).programs
    with pytest.raises(InputError, match="1 parameters, got 3 values"):
        device.submit([Run(program, np.zeros(3), 10)], "tag")
    with pytest.raises(InputError, match="at least one circuit"):
        device.submit([], "tag")


@pytest.mark.slow
class TestTheEmulatorKeepsThePromisesOfABackend(BackendConformance):
    qubits = 6
    shots = 1000
    precision = 0.06
    device = None

    def backend(self):
        # One device for all lives: its jobs are known where they were made.
        cls = type(self)
        cls.device = cls.device or EmulatorDevice()
        return DeviceBackend(cls.device, grouping="commuting", patience=QUICK, resubmit_lost=True)
