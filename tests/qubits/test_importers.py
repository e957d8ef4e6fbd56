"""OpenQASM, QPY and OpenFermion: what was written is what is read."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm2, qasm3, qpy
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

import hybridq as hq
from hybridq.qubits import jordan_wigner, pauli_strings
from hybridq.qubits.importers import from_file

BELL = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0], q[1];\nmeasure q -> c;\n'
TURNING = """// a comment, then the version
OPENQASM 3.0;
include "stdgates.inc";
input float[64] theta;
input angle phi;
qubit[2] q;
ry(2 * theta + 0.5) q[0];
cx q[0], q[1];
rz(phi) q[1];
"""


@st.composite
def circuits(draw, parameters):
    n = draw(st.integers(2, 4))
    circuit = QuantumCircuit(n)
    symbols = [Parameter(f"p{k}") for k in range(3)]
    for _ in range(draw(st.integers(1, 12))):
        a, b = draw(st.permutations(range(n)))[:2]
        kind = draw(st.sampled_from(["h", "sx", "t", "cx", "swap", "cz", "rx", "ry", "rz", "p", "crz", "rzz", "u"]))
        if kind in ("h", "sx", "t"):
            getattr(circuit, kind)(a)
        elif kind in ("cx", "swap", "cz"):
            getattr(circuit, kind)(a, b)
        else:
            angle = draw(st.floats(-3, 3))
            if parameters and draw(st.booleans()):
                angle = 2 * draw(st.sampled_from(symbols)) + angle
            words = [angle, 0.3, -0.2] if kind == "u" else [angle]
            getattr(circuit, kind)(*words, *((a, b) if kind in ("crz", "rzz") else (a,)))
    circuit.rx(symbols[0] if parameters else 0.1, 0)
    return circuit


@given(circuits(parameters=False))
@settings(max_examples=25)
def test_openqasm_2_gives_the_state_that_was_written(circuit):
    found = hq.from_qasm(qasm2.dumps(circuit))
    assert Statevector(found.to_qiskit()).equiv(Statevector(circuit), atol=1e-9)
    assert found.n_parameters == 0


@given(circuits(parameters=True), st.lists(st.floats(-3, 3), min_size=3, max_size=3))
@settings(max_examples=25)
def test_openqasm_3_gives_the_state_that_was_written_with_its_parameters(circuit, values):
    found = hq.from_qasm(qasm3.dumps(circuit))
    row = values[: circuit.num_parameters]
    assert found.parameter_names == tuple(p.name for p in circuit.parameters)
    assert Statevector(found.to_qiskit().assign_parameters(row)).equiv(
        Statevector(circuit.assign_parameters(row)), atol=1e-9
    )


def test_files_are_read_by_path_and_inputs_become_parameters(tmp_path):
    path = tmp_path / "turning.qasm"
    path.write_text(TURNING)
    for source in (path, str(path), TURNING):
        found = hq.from_qasm(source)
        assert found.parameter_names == ("phi", "theta")
        np.testing.assert_allclose(found.angles(np.array([0.25, 1.0])), [2.5, 0.25])
    assert (hq.from_qasm(path).name, hq.from_qasm(TURNING, name="x").name) == ("turning", "x")
    assert from_file(path) == hq.from_qasm(TURNING)


def test_measurements_at_the_end_are_left_out_and_noted():
    found = hq.from_qasm(BELL)
    assert found.notes
    assert [(gate.name, gate.qubits) for gate in found.gates] == [("h", (0,)), ("cx", (0, 1))]


def test_a_qpy_file_gives_its_circuit(tmp_path):
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a") ** 2, 0)
    circuit.cx(0, 1)
    with open(tmp_path / "one.qpy", "wb") as file:
        qpy.dump(circuit, file)
    with open(tmp_path / "two.qpy", "wb") as file:
        qpy.dump([circuit, circuit], file)
    assert from_file(tmp_path / "one.qpy") == hq.QubitCircuit.of(circuit)
    with pytest.raises(hq.InputError, match="2 circuits"):
        from_file(tmp_path / "two.qpy")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("OPENQASM 2.0;\nqreg q[1];\nnonsense q[0];\n", "no OpenQASM 2 that Qiskit can read.*nonsense"),
        ("OPENQASM 3.0;\nqubit q;\nnonsense q;\n", "no OpenQASM 3 that Qiskit can read"),
        ("OPENQASM 3.0;\nqubit[\n", "no OpenQASM 3 that Qiskit can read"),
        ("OPENQASM 4.0;\n", "version 4"),
        ("qreg q[1];\nOPENQASM 2.0;\n", "has no line"),
        ('OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\ncreg c[1];\nmeasure q -> c;\nx q[0];\n', "in its middle"),
        ('OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\nreset q[0];\n', "reset"),
        ("nowhere.qasm", "cannot read nowhere.qasm: No such file"),
        (7, "got int"),
    ],
)
def test_programs_that_cannot_be_taken_say_why_in_one_line(text, says):
    with pytest.raises(hq.InputError, match=says) as found:
        hq.from_qasm(text)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(("name", "content"), [("a.txt", b""), ("a.qpy", b"no qpy"), ("missing.qpy", None)])
def test_files_of_other_kinds_are_refused(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(hq.InputError, match=name):
        from_file(tmp_path / name)


def test_a_missing_reader_of_openqasm_3_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "qiskit_qasm3_import", None)
    with pytest.raises(ImportError, match="pip install 'qiskit-qasm3-import"):
        hq.from_qasm(TURNING)
    assert issubclass(hq.MissingPackage, hq.HybridqError)


def test_a_text_given_as_a_circuit_is_sent_to_from_qasm():
    with pytest.raises(hq.InputError, match=re.escape("hybridq.from_qasm")):
        hq.QubitCircuit.of(BELL)


of = pytest.importorskip("openfermion")


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_fermion_operators_map_as_openfermion_maps_them(seed):
    rng = np.random.default_rng(seed)
    operator = of.FermionOperator((), rng.normal())
    for _ in range(5):
        modes = rng.integers(0, 5, size=rng.integers(1, 5))
        term = of.FermionOperator(
            tuple((int(m), int(rng.integers(2))) for m in modes), rng.normal() + 1j * rng.normal()
        )
        operator += term + of.hermitian_conjugated(term)
    operator += of.FermionOperator("4^ 4", 0.1)
    found = hq.from_openfermion(operator)
    expected = of.get_sparse_operator(of.jordan_wigner(operator), 5).toarray()
    order = [int(f"{k:05b}"[::-1], 2) for k in range(32)]  # OpenFermion's qubit 0 is the highest bit
    np.testing.assert_allclose(found.to_matrix().toarray(), expected[np.ix_(order, order)], atol=1e-12)


def test_an_interleaved_molecule_is_hybridqs_own_hamiltonian():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8; H 0 0 1.9", "sto-3g", charge=1)
    h = problem.hamiltonian
    one, two = of.chem.molecular_data.spinorb_from_spatial(h.one_body, h.two_body.transpose(0, 2, 3, 1))
    operator = of.get_fermion_operator(of.InteractionOperator(h.constant, one, two / 2))
    found = hq.from_openfermion(operator, interleaved=True)
    own = pauli_strings(h, jordan_wigner(problem.n_orbitals))
    difference = (found.to_matrix() - own.to_matrix()).toarray()
    np.testing.assert_allclose(difference, 0, atol=1e-10)


def test_qubit_operators_and_padding_are_taken():
    assert hq.from_openfermion(of.QubitOperator("X0 Z2", 0.5), n_modes=4) == hq.PauliSum.of({"IZIX": 0.5})
    assert hq.from_openfermion(of.FermionOperator("0^ 0"), n_modes=3).n_qubits == 3
    assert hq.from_openfermion(of.FermionOperator.zero()).bound == 0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: hq.from_openfermion(of.FermionOperator("0^ 1")), "not Hermitian"),
        (lambda: hq.from_openfermion(of.FermionOperator("3^ 3"), n_modes=2), "mode 3"),
        (lambda: hq.from_openfermion(of.FermionOperator("2^ 2"), interleaved=True), "3 modes cannot alternate"),
        (lambda: hq.from_openfermion(3), "got int"),
        (lambda: hq.PauliSum.of(of.FermionOperator("0^ 0")), "from_openfermion"),
        (lambda: hq.VQE(of.FermionOperator("0^ 0"), "hea"), "from_openfermion"),
    ],
)
def test_operators_that_cannot_be_taken_say_why(make, says):
    with pytest.raises(hq.InputError, match=says):
        make()
