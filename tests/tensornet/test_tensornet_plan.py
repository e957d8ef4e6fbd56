"""Plans: light cones, costs that are counted rightly, slices that fit, and plans kept on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import Operator
from tensornet_circuits import random_circuit, random_observable

import hybridq as hq
from hybridq.contract.qubit_circuit import Gate, QubitCircuit
from hybridq.qubits import QubitProblem
from hybridq_circuits.qubit_families.hea import hea
from hybridq_tensornet import store
from hybridq_tensornet.backend import TensorNetBackend
from hybridq_tensornet.compiled import Compiled
from hybridq_tensornet.leaves import leaf_program, plain_values
from hybridq_tensornet.lightcone import light_cone
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.network import expectation_network, state_network
from hybridq_tensornet.plan import make_plan, work_bytes
from hybridq_tensornet.schedule import schedule
from hybridq_tensornet.structure import structure
from hybridq_tensornet.tree import quick, steps_of, sweep, work_of


def ring(n: int, layers: int) -> QubitCircuit:
    problem = QubitProblem(hq.PauliSum.of({"Z" * n: 1.0}))
    return hea(problem, layers=layers, rotations="ry rz", entanglement="ring")


def network_of(n: int, layers: int):
    return expectation_network(ring(n, layers), mpo(hq.PauliSum.of({"Z" * n: 1.0, "I" * (n - 1) + "X": 1.0})))


@given(n=st.integers(1, 4), seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_a_light_cone_leaves_out_only_what_cancels(n, seed):
    circuit, observable = random_circuit(n, seed), random_observable(n, seed, n_terms=2)
    kinds = mpo(observable).kinds
    kept, _ = light_cone(circuit.gates, kinds)
    row = np.random.default_rng(seed).normal(size=circuit.n_angles)

    def heisenberg(gates):
        bound = tuple(Gate(g.name, g.qubits, None, float(row[g.angle])) if g.angle is not None else g for g in gates)
        fixed = QubitCircuit(n, bound, circuit.unshared().angles_map.separate(0), ())
        u = Operator(fixed.to_qiskit()).data
        return u.conj().T @ observable.to_matrix() @ u

    np.testing.assert_allclose(heisenberg(kept), heisenberg(circuit.gates), atol=1e-12)


def test_a_light_cone_of_a_brick_layer_is_the_gates_in_reach():
    gates = [Gate("cx", (q, q + 1)) for q in range(0, 10, 2)] + [Gate("cx", (q, q + 1)) for q in range(1, 9, 2)]
    kept, kinds = light_cone(gates, ["none"] * 4 + ["full"] + ["none"] * 5)
    assert {gate.qubits for gate in kept} == {(2, 3), (3, 4), (4, 5)}
    assert kinds == ("none", "none", "diagonal", "full", "full", "full", "none", "none", "none", "none")
    assert light_cone([Gate("cz", (0, 1)), Gate("rzz", (0, 1), 0)], ["diagonal", "diagonal"])[0] == ()


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_compiled_leaves_are_those_of_the_plain_twin_and_their_slopes_its_differences(n, seed):
    circuit = random_circuit(n, seed)
    leaves = structure(n, circuit.n_angles, circuit.gates).leaves
    program = leaf_program(leaves)
    angles = np.random.default_rng(seed).normal(size=circuit.n_angles)

    def plain(at):
        return np.concatenate([np.zeros(0), *(tensor.ravel() for tensor in plain_values(leaves, at))])

    np.testing.assert_allclose(program.values(angles), plain(angles), atol=1e-14)
    weights = np.array([1, 1j]) @ np.random.default_rng(seed + 1).normal(size=(2, program.size))
    slopes = program.gradient(angles, weights)
    for k in range(len(angles)):
        step = 1e-5 * np.eye(len(angles))[k]
        difference = weights @ (plain(angles + step) - plain(angles - step)) / 2e-5
        assert slopes[k] == pytest.approx(difference, abs=1e-8)


def test_no_tensor_of_a_circuit_is_larger_than_eight_numbers_and_diagonal_gates_add_no_mode():
    gates = (Gate("h", (0,)), Gate("h", (1,)), Gate("cz", (0, 1)), Gate("rz", (0,), 0), Gate("rzz", (0, 1), 1))
    made = structure(2, 2, gates)
    assert all(len(leaf.modes) <= 3 for leaf in made.leaves)
    assert made.n_modes == 2
    assert structure(2, 0, (Gate("cx", (0, 1)), Gate("cz", (0, 1)), Gate("rz", (0,), None, 0.3))).leaves == ()


def test_work_counts_every_product_of_a_path():
    network = network_of(5, 2)
    path = sweep(network)
    sizes = {k: set(modes) for k, modes in enumerate(network.inputs)}
    products = 0.0
    for step in steps_of(network, path):
        inside = sizes[step.left] | sizes[step.right]
        products += np.prod([network.sizes[m] for m in inside])
        sizes[step.out] = set(step.modes)
    assert work_of(network, path).products == products
    assert work_of(network, path).steps == len(network.inputs) - 1


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_any_tree_and_any_slices_give_the_same_number(seed):
    rng = np.random.default_rng(seed)
    circuit, operator = random_circuit(4, seed, 16), mpo(random_observable(4, seed))
    network = expectation_network(circuit, operator)
    angles = rng.normal(size=circuit.n_angles)
    values = leaf_program(network.structure.leaves).values(angles)

    def contracted(path, sliced):
        place = Compiled(network, schedule(network, path, sliced))
        place.load(values)
        n = place.plan.n_slices
        return sum(complex(place.value(k, again=k > 0)) for k in range(n))

    left = list(range(len(network.inputs)))
    path, number = [], len(left)
    while len(left) > 1:
        a, b = (left.pop(int(rng.integers(len(left)))) for _ in range(2))
        path.append((a, b))
        left.append(number)
        number += 1
    modes = list(network.sizes)
    sliced = tuple(int(m) for m in rng.choice(modes, min(2, len(modes)), replace=False)) if modes else ()
    exact = contracted(quick(network).path, ())
    assert contracted(tuple(path), ()) == pytest.approx(exact, abs=1e-11)
    assert contracted(tuple(path), sliced) == pytest.approx(exact, abs=1e-11)
    assert abs(exact.imag) < 1e-11


@pytest.mark.parametrize("gradient", [False, True])
def test_slices_fit_the_memory_that_is_given(gradient):
    network = network_of(12, 4)
    whole = make_plan(network, 1 << 30, 16, gradient=gradient)
    limit = work_bytes(whole.work, 16, gradient) // 10
    cut = make_plan(network, limit, 16, gradient=gradient)
    assert whole.n_slices == 1 < cut.n_slices
    assert work_bytes(cut.work, 16, gradient) <= limit
    laid = schedule(network, cut.path, cut.sliced)
    assert 16 * (laid.keep_size + laid.back_size if gradient else laid.reuse_size) <= limit


def test_a_search_finds_a_better_tree_where_it_is_worth_it():
    network = network_of(20, 7)
    found = make_plan(network, 1 << 34, 16, gradient=False, longest=3)
    assert found.searched
    assert found.work.products < quick(network).work.products


def test_every_process_finds_the_same_plan():
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from test_tensornet_plan import make_plan, network_of
for limit in (150_000, 1 << 30):
    print(make_plan(network_of(10, 4), limit, 16, gradient=False))
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 3, 5)
    }
    assert len(told) == 1


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A plan in a cache of its own."""
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path))
    network = network_of(10, 4)
    plan = make_plan(network, 150_000, 16, gradient=False)
    store.save(network.digest, plan)
    return network, plan


def test_a_kept_plan_comes_back_as_it_was(kept):
    network, plan = kept
    assert store.load(network, network.digest) == plan
    assert store.load(network_of(5, 1), "nothing") is None


@pytest.mark.parametrize("harm", ["half", "flipped", "version", "other"])
def test_a_harmed_plan_is_not_used_and_made_again_with_a_warning(kept, harm):
    network, _ = kept
    path = store.folder() / f"{network.digest}.json"
    text = path.read_text()
    if harm == "half":
        path.write_text(text[: len(text) // 2])
    elif harm == "flipped":
        path.write_text(text.replace("[0, ", "[1, ", 1))
    elif harm == "version":
        data = json.loads(text.rpartition("\n")[0]) | {"schema_version": 99}
        write(path, data)
    else:
        store.save(network.digest, make_plan(network_of(4, 1), 1 << 30, 16, gradient=False))
    with pytest.warns(UserWarning, match="is not used: .*; it is made again"):
        assert store.load(network, network.digest) is None


def write(path, data):
    import hashlib

    body = json.dumps(data)
    path.write_text(body + "\n" + hashlib.sha256(body.encode()).hexdigest())


def test_a_second_process_takes_the_plan_from_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path))
    circuit = ring(12, 6)
    task = hq.Task(circuit, np.zeros(circuit.n_parameters), {"Z" * 12: 1.0}, driver="gradient")
    first = TensorNetBackend("operator", memory="8MiB", threads=1, search_seconds=2).run(task)
    assert len(list(store.folder().glob("*.json"))) == 1
    monkeypatch.setattr("hybridq_tensornet.engine.make_plan", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = TensorNetBackend("operator", memory="8MiB", threads=1, search_seconds=2).run(task)
    assert (again.value == first.value).all()
    assert again.provenance["planned_by"] == first.provenance["planned_by"]


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path / "file"))
    network = network_of(6, 2)
    plan = make_plan(network, 1 << 30, 16, gradient=False)
    store.save(network.digest, plan)
    assert not (tmp_path / "file").is_dir()


def test_the_open_state_needs_no_search_and_keeps_qubit_0_lowest():
    circuit = ring(6, 2)
    network = state_network(circuit)
    assert len(network.output) == 6
    assert make_plan(network, 1 << 30, 16, gradient=False).source in ("sweep", "along the circuit")
