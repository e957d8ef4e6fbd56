"""What is compiled for a device does what was asked: same samples, compiled once, parameters free."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.circuit.random import random_circuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

import hybridq as hq
from hybridq.contract.errors import CapacityError, InputError
from hybridq.hardware import transpile
from hybridq.hardware.transpile import bound, compile_for, finished, in_order, two_qubit_gates
from hybridq.mitigation import fold
from hybridq.qubits import to_qiskit

LINE = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]]


def line():
    return GenericBackendV2(5, coupling_map=LINE, seed=1)


def backends():
    from qiskit.providers.basic_provider import BasicSimulator

    made = [line(), GenericBackendV2(4, seed=2), BasicSimulator()]
    try:
        from qiskit_aer import AerSimulator
        from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeTorino

        made += [AerSimulator(), FakeManilaV2(), FakeTorino()]
    except ImportError:
        pass
    return made


def chemistry():
    """Four qubits, exponentials of strings far apart, a swap, and a parameter that is used twice."""
    t = ParameterVector("t", 3)
    circuit = QuantumCircuit(4, name="chemistry")
    circuit.x([0, 2])
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XXXY", "YXXX"], [0.5, -0.5]), t[0]), range(4))
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XY"], [0.5]), 2 * t[1] - t[0]), [0, 3])
    circuit.ry(t[2], 1)
    circuit.swap(1, 3)
    return circuit


def tails(n):
    plain, turned, entangled = (QuantumCircuit(n) for _ in range(3))
    turned.h(0)
    turned.sdg(n - 1)
    turned.h(n - 1)
    entangled.rxx(np.pi / 2, 0, n - 1)
    entangled.cx(n - 1, 1)
    entangled.h(range(n))
    return [plain, turned, entangled]


def exact(circuit, values, tail):
    whole = circuit.assign_parameters(values).compose(tail)
    return Statevector(whole.decompose(["PauliEvolution"], reps=2)).probabilities()


def measured(program):
    """Probabilities of the register "c" after a program without parameters, by its state vector; idle qubits cut."""
    place = {}
    bare = QuantumCircuit(program.num_qubits)
    for item in program.data:
        where = [program.find_bit(q).index for q in item.qubits]
        if item.operation.name == "measure":
            place[program.find_bit(item.clbits[0]).index] = where[0]
        elif item.operation.name != "barrier":
            assert not set(where) & set(place.values()), "a gate after a measurement"
            bare.append(item.operation, where)
    used = sorted({bare.find_bit(q).index for item in bare.data for q in item.qubits} | set(place.values()))
    small = QuantumCircuit(len(used))
    for item in bare.data:
        small.append(item.operation, [used.index(bare.find_bit(q).index) for q in item.qubits])
    return Statevector(small).probabilities([used.index(place[bit]) for bit in range(len(place))])


@pytest.mark.parametrize("backend", backends(), ids=lambda backend: backend.name)
@pytest.mark.parametrize("parametric", [True, False])
def test_programs_have_the_distribution_of_circuit_and_tail_on_every_target(backend, parametric):
    circuit = chemistry()
    compiled = compile_for(backend, circuit, tails(4), parametric=parametric, tries=2)
    rng = np.random.default_rng(3)
    for tail, program, places in zip(tails(4), compiled.programs, compiled.qubits, strict=True):
        assert program.num_parameters == 3
        values = rng.uniform(-3, 3, size=3)
        ready = bound(program, values)
        if not parametric:
            (ready,) = finished(backend, [ready])
        np.testing.assert_allclose(measured(ready), exact(circuit, values, tail), atol=1e-9)
        names = {item.operation.name for item in ready.data}
        assert names <= set(backend.target.operation_names) | {"measure"}
        for item in ready.data:
            if item.operation.name == "measure":
                bit = ready.find_bit(item.clbits[0]).index
                assert places[bit] == ready.find_bit(item.qubits[0]).index


@given(n=st.integers(2, 4), depth=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_random_circuits_keep_their_distribution_on_a_line(n, depth, seed):
    circuit = random_circuit(n, depth, max_operands=min(n, 3), seed=seed)
    tail = QuantumCircuit(n)
    tail.unitary(random_unitary(4, seed=seed), [0, n - 1])
    (program,) = compile_for(line(), circuit, [tail], seed=seed, tries=1).programs
    np.testing.assert_allclose(measured(program), exact(circuit, [], tail), atol=1e-9)
    coupled = {tuple(pair) for pair in LINE}
    assert all(
        tuple(program.find_bit(q).index for q in item.qubits) in coupled
        for item in program.data
        if len(item.qubits) == 2
    )


def test_a_structure_is_transpiled_once_however_many_tails_and_rows(monkeypatch):
    seen = []
    plain = transpile._run

    def counted(passes, circuit, target):
        seen.append(two_qubit_gates(circuit.decompose(["PauliEvolution"], reps=2)))
        return plain(passes, circuit, target)

    monkeypatch.setattr(transpile, "_run", counted)
    ways = []
    for k in range(10):
        tail = QuantumCircuit(4)
        tail.h(k % 4)
        ways.append(tail)
    compiled = compile_for(line(), chemistry(), ways, tries=1)
    for row in np.random.default_rng(0).normal(size=(5, 3)):
        for program in compiled.programs:
            bound(program, row)
    assert sum(gates > 0 for gates in seen) == 1
    assert len(seen) == 11


def test_the_layout_with_the_fewest_two_qubit_gates_is_taken_and_always_the_same():
    circuit = chemistry()
    made = [compile_for(line(), circuit, tails(4)[:1], tries=1, seed=seed) for seed in range(6)]
    best = compile_for(line(), circuit, tails(4)[:1], tries=6)
    assert best.facts["two_qubit_gates"] == min(one.facts["two_qubit_gates"] for one in made)
    again = compile_for(line(), circuit, tails(4)[:1], tries=6)
    assert again.facts == best.facts
    assert again.programs[0] == best.programs[0]
    assert best.facts["gates"].keys() >= {"cx"}


def test_facts_are_what_json_can_hold():
    import json

    facts = compile_for(line(), chemistry(), tails(4)).facts
    assert json.loads(json.dumps(facts)) == facts
    assert len(facts["layout"]) == 4


@pytest.mark.parametrize("backend", [line(), *backends()[2:3]], ids=lambda backend: backend.name)
def test_a_given_layout_is_kept(backend):
    flips = QuantumCircuit(3)
    flips.x([0, 2])
    compiled = compile_for(backend, QuantumCircuit(3), [QuantumCircuit(3), flips], [4, 0, 2])
    assert compiled.qubits == ((4, 0, 2), (4, 0, 2))
    np.testing.assert_allclose(measured(compiled.programs[1]), np.eye(8)[0b101], atol=1e-12)


def test_one_qubit_tails_are_merged_with_the_last_gates():
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.cx(0, 1)
    circuit.h([0, 1])
    tail = QuantumCircuit(2)
    tail.h([0, 1])
    merged, plain = compile_for(line(), circuit, [tail, QuantumCircuit(2)], tries=1).programs
    assert merged.size() < plain.size()


def test_parameters_are_bound_in_the_circuits_order_and_those_without_effect_are_dropped():
    t = ParameterVector("a", 12)  # "a[10]" comes before "a[2]" in the alphabet
    circuit = QuantumCircuit(2)
    for k in (10, 2):
        circuit.ry(t[k], k % 2 + (k == 2))
    circuit.global_phase = sum(t)
    compiled = compile_for(line(), circuit, [QuantumCircuit(2)])
    values = np.arange(12) / 10
    assert sorted(in_order(compiled.programs[0], values)) == [0.2, 1.0]
    np.testing.assert_allclose(
        measured(bound(compiled.programs[0], values)), exact(circuit, values, QuantumCircuit(2)), atol=1e-12
    )
    with pytest.raises(InputError, match="12 parameters, got 3"):
        bound(compiled.programs[0], [1, 2, 3])


def test_programs_keep_their_order_when_folded_and_written_as_qpy():
    compiled = compile_for(line(), chemistry(), tails(4)[:1])
    folded = fold(compiled.programs[0], 3)
    file = io.BytesIO()
    qpy.dump(folded, file)
    file.seek(0)
    values = [0.3, -0.8, 1.1]
    ready = bound(qpy.load(file)[0], values)
    assert two_qubit_gates(ready) == 3 * two_qubit_gates(compiled.programs[0])
    np.testing.assert_allclose(measured(ready), exact(chemistry(), values, tails(4)[0]), atol=1e-9)
    assert ready.metadata == {}


def test_folded_gates_are_still_there_after_they_are_made_native():
    (program,) = compile_for(line(), chemistry(), tails(4)[:1], parametric=False).programs
    plain, folded = finished(line(), [bound(p, [0.3, -0.8, 1.1]) for p in (program, fold(program, 3))])
    assert two_qubit_gates(folded) == 3 * two_qubit_gates(plain)


def test_a_molecules_circuit_needs_fewer_two_qubit_gates_than_its_plain_synthesis():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8", "sto-3g")
    circuit = hq.VQE(problem, backend="sector", progress=False).circuit
    whole = compile_for(line(), to_qiskit(circuit, synthesize=False), [QuantumCircuit(4)])
    plain = compile_for(line(), to_qiskit(circuit), [QuantumCircuit(4)])
    assert whole.facts["two_qubit_gates"] <= plain.facts["two_qubit_gates"]


def test_measurements_at_the_end_are_left_out_and_those_in_the_middle_refused():
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [2, 0])
    (program,) = compile_for(line(), circuit, [QuantumCircuit(2)]).programs
    assert [register.name for register in program.cregs] == ["c"]
    np.testing.assert_allclose(measured(program), [0.5, 0, 0, 0.5], atol=1e-12)
    circuit.x(0)
    with pytest.raises(InputError, match="'measure' on classical bits"):
        compile_for(line(), circuit, [QuantumCircuit(2)])


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        ({"n": 6}, CapacityError, "6 qubits and the device 5"),
        ({"layout": [0, 0, 1]}, InputError, "a different qubit"),
        ({"layout": [0, 1, 9]}, InputError, "a different qubit"),
        ({"optimization_level": 4}, InputError, "0, 1, 2 or 3"),
        ({"tries": 0}, InputError, "tries"),
        ({"tail": QuantumCircuit(2)}, InputError, "3 qubits"),
        ({"backend": object()}, InputError, "BackendV2 or Target"),
        ({"reset": True}, InputError, "cannot be written in the device's gates"),
    ],
)
def test_what_cannot_be_compiled_is_told(words, error, told):
    circuit = QuantumCircuit(words.pop("n", 3))
    if words.pop("reset", False):
        circuit.initialize([1, 0], 0)
    tail = words.pop("tail", QuantumCircuit(circuit.num_qubits))
    backend = words.pop("backend", None) or line()
    if "cannot" in told:
        from qiskit.transpiler import Target

        backend = Target.from_configuration(basis_gates=["x", "measure"], num_qubits=3)
        circuit = QuantumCircuit(3)
        circuit.h(0)
    with pytest.raises(error, match=told):
        compile_for(backend, circuit, [tail], **words)
