"""`hybridq vqe` with observables, graphs and circuits on qubits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from hybridq.cli.qubit_inputs import edges, observable
from hybridq.contract.errors import InputError

SQUARE = "# a square with a diagonal\n0 1\n1 2 0.5\n2,3\n3 0\n0 2 2.0  # the heavy one\n"
SQUARE_CUT = 4.0  # {0, 1} against {2, 3} gives 0.5 + 1 + 2; {0} against the rest 1 + 1 + 2
TURNING = """OPENQASM 3.0;
include "stdgates.inc";
input float a;
input float b;
qubit[2] q;
ry(a) q[0];
cx q[0], q[1];
ry(b) q[0];
ry(b) q[1];
"""
FIELD = {"ZZ": -1.0, "XI": -0.5, "IX": -0.5}


@pytest.fixture
def dense(distribution, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    distribution("dense-qubits", "1.0", "[hybridq.backends]\ndense-qubits = dense_qubits:DenseQubits\n")
    return ("--backend", "dense-qubits", "--json")


def lowest(labels):
    from hybridq.contract.paulis import PauliSum

    return float(np.linalg.eigvalsh(PauliSum.of(labels).to_matrix().toarray())[0])


def test_a_graph_with_qaoa_comes_close_to_its_best_cut(command, dense, tmp_path):
    (tmp_path / "square.txt").write_text(SQUARE)
    arguments = ("--ansatz", "qaoa", "--circuit-option", "layers=3")
    done = command("vqe", "--graph", str(tmp_path / "square.txt"), *arguments, *dense)
    assert (done.code, done.err) == (0, "")
    result = done.json()
    assert result["references"] == {"exact": -SQUARE_CUT}
    assert -SQUARE_CUT <= result["energy"] < -0.9 * SQUARE_CUT
    assert (result["n_qubits"], result["n_parameters"], result["circuit"]) == (4, 6, "qaoa")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(FIELD),
        json.dumps(list(FIELD.items())),
        json.dumps({"labels": [*FIELD], "coefficients": [*FIELD.values()]}),
        "-1.0 [Z0 Z1] +\n(-0.5+0j) [X1] +\n-0.5 [X0]\n",
    ],
)
def test_an_observable_of_any_form_reaches_its_lowest_value_with_a_circuit_of_qasm(command, dense, tmp_path, text):
    (tmp_path / "field.json").write_text(text)
    (tmp_path / "turning.qasm").write_text(TURNING)
    done = command(
        "vqe", "--observable", str(tmp_path / "field.json"), "--circuit", str(tmp_path / "turning.qasm"), *dense
    )
    assert (done.code, done.err) == (0, "")
    assert done.json()["energy"] == pytest.approx(lowest(FIELD), abs=1e-7)
    assert done.json()["circuit"] == "turning"


def test_a_molecule_takes_a_circuit_of_qpy_and_goes_on_from_its_run_folder(command, dense, tmp_path):
    circuit = QuantumCircuit(4)
    circuit.x([0, 2])
    circuit.sx(0)  # exp(-i t/2 Y0 X1 X2 X3) mixes the two closed-shell determinants of H2
    circuit.h([1, 2, 3])
    circuit.cx([0, 1, 2], [1, 2, 3])
    circuit.rz(Parameter("t"), 3)
    circuit.cx([2, 1, 0], [3, 2, 1])
    circuit.sxdg(0)
    circuit.h([1, 2, 3])
    path = tmp_path / "pair.qpy"
    with open(path, "wb") as file:
        qpy.dump(circuit, file)
    asked = ("vqe", "H 0 0 0; H 0 0 0.735", "--basis", "sto-3g", "--circuit", str(path), "--run", str(tmp_path / "run"))
    done = command(*asked, *dense)
    assert (done.code, done.err) == (0, "")
    assert done.json()["energy"] == pytest.approx(-1.1373060357534004, abs=1e-7)
    again = command(*asked, *dense)
    assert again.json()["energy"] == done.json()["energy"]


def test_hea_runs_on_an_observable_and_the_report_names_it(command, dense, tmp_path):
    (tmp_path / "field.json").write_text(json.dumps(FIELD))
    done = command(
        "vqe",
        "--observable",
        str(tmp_path / "field.json"),
        "--ansatz",
        "hea",
        "--circuit-option",
        "rotations=ry",
        *dense[:2],
    )
    assert done.code == 0
    assert "hea on field" in done.out
    assert f"{lowest(FIELD):.5f}" in done.out


@pytest.mark.parametrize(
    ("arguments", "files", "says"),
    [
        ((), {}, "there is no problem"),
        (("H 0 0 0", "--graph", "g"), {"g": SQUARE}, "FILE|XYZ and --graph"),
        (("--graph", "g", "--observable", "o"), {"g": SQUARE, "o": "{}"}, "--observable and --graph"),
        (("--graph", "g", "--basis", "sto-3g"), {"g": SQUARE}, "--basis belongs to a molecule"),
        (("--graph", "g"), {"g": SQUARE}, "'uccsd' is for molecules"),
        (("--graph", "none", "--ansatz", "qaoa"), {}, "cannot read none: No such file"),
        (("--graph", "g", "--ansatz", "qaoa"), {"g": "0 1\n0 one\n"}, "line 2 of g is '0 one'"),
        (("--graph", "g", "--ansatz", "qaoa"), {"g": "# nothing\n"}, "no edges"),
        (("--graph", "g", "--ansatz", "qaoa"), {"g": "0 0\n"}, "one node at both ends"),
        (("--observable", "o", "--ansatz", "hea"), {"o": '{"ZZ": 1'}, "o is no JSON"),
        (("--observable", "o", "--ansatz", "hea"), {"o": '{"ZQ": 1}'}, "'ZQ' does not fit"),
        (("--observable", "o", "--ansatz", "hea"), {"o": '{"labels": ["Z"], "coefficients": []}'}, "of one length"),
        (("--observable", "o", "--ansatz", "hea"), {"o": "1.0 [Z0 Q1]"}, "no product of Pauli"),
        (("--observable", "o", "--ansatz", "hea"), {"o": "1.0 [Z0 X0]"}, "a qubit twice"),
        (("--observable", "o", "--ansatz", "hea"), {"o": "much [Z0]"}, "is no number"),
        (("--observable", "o", "--ansatz", "hea"), {"o": "1.0j [Z0]"}, "not Hermitian"),
        (("--observable", "o", "--ansatz", "hea"), {"o": "hello"}, "an observable is JSON"),
        (
            ("--observable", "o", "--circuit", "c.qasm"),
            {"o": '{"ZZ": 1}', "c.qasm": "nothing"},
            "c.qasm is no OpenQASM",
        ),
        (("--observable", "o", "--circuit", "c.qasm"), {"o": '{"ZZZ": 1}', "c.qasm": TURNING}, "3"),
        (("--observable", "o", "--circuit", "c.qpy"), {"o": '{"ZZ": 1}'}, "cannot read c.qpy"),
        (("--observable", "o", "--circuit", "c.qasm", "--circuit-option", "a=1"), {"o": '{"Z": 1}'}, "leave out"),
        (("--observable", "o", "--ansatz", "qaoa"), {"o": json.dumps(FIELD)}, "hva"),
    ],
)
def test_what_cannot_be_run_ends_with_2_and_one_line(command, dense, tmp_path, monkeypatch, arguments, files, says):
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = command("vqe", *arguments, *dense)
    assert done.code == 2
    assert says in done.err
    assert (done.err.count("\n"), done.out) == (1, "")


def test_the_new_families_are_listed_with_their_options(command):
    found = {one["name"]: one for one in command("circuits", "--json").json()["circuits"]}
    assert {"hea", "qaoa", "hva"} <= found.keys()
    assert all(
        found[name]["broken"] is None and "layers" in json.dumps(found[name]["options"]) for name in ("hea", "qaoa")
    )


def test_openfermions_own_print_is_read():
    of = pytest.importorskip("openfermion")
    operator = of.QubitOperator("X0 Y3", -0.25) + of.QubitOperator((), 1e-7) + of.QubitOperator("Z12", 3)
    from hybridq.contract.paulis import PauliSum

    assert observable(str(operator), "text") == PauliSum.of(operator)


def test_edges_are_read_with_commas_comments_and_weights():
    assert edges(SQUARE, "text") == [(0, 1, 1.0), (1, 2, 0.5), (2, 3, 1.0), (3, 0, 1.0), (0, 2, 2.0)]
    with pytest.raises(InputError, match="line 1 of text"):
        edges("0 1 2 3", "text")
