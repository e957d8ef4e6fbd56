"""The GPU benchmark: it notices a wrong executor, loses nothing to a failure, and its peers compute the same energy."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

from benchmarks import gpu, gpu_cases, gpu_peers
from hybridq.contract.devices import why_no_gpu
from hybridq.contract.qubit_circuit import Gate
from hybridq_tensornet.executors import executor


@pytest.mark.parametrize("name", ["rx", "ry", "rz", "h", "cx", "cz"])
def test_matrices_that_peers_are_given_are_qiskits_and_slopes_their_differences(name):
    turning = name.startswith("r")
    gate = Gate(name, (0,) if name not in ("cx", "cz") else (1, 0), 0 if turning else None)
    made = QuantumCircuit(len(gate.qubits))
    getattr(made, name)(*([0.7] if turning else []), *gate.qubits)
    np.testing.assert_allclose(gpu_peers.matrix(gate, 0.7), Operator(made).data, atol=1e-15)
    if turning:
        near = gpu_peers.matrix(gate, 0.7 + 1e-6) - gpu_peers.matrix(gate, 0.7 - 1e-6)
        np.testing.assert_allclose(gpu_peers.slope(gate, 0.7), near / 2e-6, atol=1e-9)


def test_a_wrong_executor_is_seen_and_one_that_fails_loses_no_other():
    right = executor("numpy")

    def wrong(network, plan, dtype):
        constants = tuple(1.001 * c for c in network.constants)
        return right.prepare(replace(network, constants=constants), plan, dtype)

    def failing(network, plan, dtype):
        raise RuntimeError("out of luck")

    made = {"right": right, "wrong": replace(right, prepare=wrong), "failing": replace(right, prepare=failing)}
    records = list(gpu_cases.check(["6-ring-2"], made))
    assert len(records) == 2 * 2 * 3 * 2
    assert all(r["right"] for r in records if r["executor"] == "right")
    assert not any(r["right"] for r in records if r["executor"] != "right")
    assert all(r["why"] == "RuntimeError: out of luck" for r in records if r["executor"] == "failing")


def test_times_of_one_row_and_of_many_stand_beside_their_floors():
    rates = gpu_cases.rates_of(np, lambda: None, 64)
    assert set(rates) == {"copy", "gemm float64", "gemm complex128", "gemm complex64"}
    device = replace(executor("numpy"), most_rows=4)
    records = list(gpu_cases.timed(["6-linear-2"], {"compiled": executor("compiled"), "numpy": device}, rates, 2))
    assert all("why" not in record for record in records)
    assert {record["rows"] for record in records if record["executor"] == "numpy"} == {1, 4}
    assert all(record["row_s"] > 0 for record in records)
    plan = gpu_cases.case("6-linear-2", "z").plan(1 << 30)
    bounds = gpu_cases.floors(plan, "complex128", rates, gradient=True)
    assert bounds["floor_s"] == max(
        24 * plan.work.products / rates["gemm complex128"], 80 * plan.work.written / rates["copy"]
    )


def test_a_state_vector_of_pennylane_has_the_energy_and_a_missing_peer_says_so(monkeypatch):
    peers = {
        "lightning.qubit": gpu_peers.pennylane("lightning.qubit", "adjoint"),
        "nothing": gpu_peers.pennylane("lightning.nothing", None),
    }
    monkeypatch.setattr(gpu_peers, "PEERS", peers)
    records = list(gpu_peers.measured(["6-ring-2"], list(peers), 1, 60.0))
    assert [record["executor"] for record in records] == ["lightning.qubit", "nothing"] * 2
    assert all(record["error"] < 1e-10 for record in records[::2])
    assert all("lightning.nothing" in record["why"] for record in records[1::2])


@pytest.mark.skipif(not why_no_gpu(), reason="there is a GPU: the whole benchmark would run")
def test_without_a_gpu_it_says_so_checks_the_cpu_and_ends_well(tmp_path, monkeypatch, capsys):
    output = tmp_path / "gpu.json"
    monkeypatch.setattr(sys, "argv", ["gpu", "--quick", "--output", str(output)])
    with pytest.raises(SystemExit) as end:
        gpu.main()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("no GPU: ")
    whole = json.loads(output.read_text())
    assert {record["executor"] for record in whole["check"]} >= {"compiled", "numpy"}
    assert all(record["right"] for record in whole["check"])
    assert "| numpy | complex64 |" in output.with_suffix(".md").read_text()
