"""The executor by cuQuantum: on a GPU where there is one, else against a twin of `Network` on the CPU.

Whether cuTensorNet itself takes the operands, paths and slices is asked of its real library, which needs no GPU.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from cutensornet_twin import Twin
from hypothesis import given, settings
from hypothesis import strategies as st
from tensornet_circuits import REAL, differences, random_circuit, random_observable, state_energy, state_of

import hybridq as hq
from hybridq.contract.devices import require_cuquantum
from hybridq.contract.errors import BackendError, CapacityError, HybridqError, InputError
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_tensornet.cuquantum_network import CuQuantumNetwork, CuTensorNet, network_options
from hybridq_tensornet.cuquantum_plan import ALIGNED, accepted, linear_path, operands_of
from hybridq_tensornet.leaves import leaf_program, plain_values
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.network import expectation_network, state_network
from hybridq_tensornet.plan import Plan, make_plan
from hybridq_tensornet.tree import work_of

PLENTY = 1 << 40
needs_library = pytest.mark.skipif(find_spec("cuquantum") is None, reason="cuQuantum is not installed (extra gpu)")


def why_not_here():
    try:
        require_cuquantum()
    except HybridqError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module", params=["twin", "gpu"])
def library(request):
    if request.param == "twin":
        yield Twin()
        return
    if why := why_not_here():
        pytest.skip(why)
    with CuTensorNet() as made:
        yield made


def made_ready(n, seed, *, limit=PLENTY, gradient=False, names=None, letters="IXYZ"):
    circuit = random_circuit(n, seed, 40) if names is None else random_circuit(n, seed, 40, names)
    observable = random_observable(n, seed, letters)
    network = expectation_network(circuit, mpo(observable))
    plan = make_plan(network, limit, 16, gradient=gradient)
    row = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    return circuit, observable, network, plan, row


def layered(n, layers):
    """A circuit whose contraction is large enough to be sliced."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    t = ParameterVector("t", n * layers)
    made = QuantumCircuit(n)
    for layer in range(layers):
        for q in range(n):
            made.ry(t[n * layer + q], q)
        for q in range(n):
            made.cx(q, (q + 1) % n)
    return QubitCircuit.of(made)


def sliced(n=8, layers=3):
    circuit = layered(n, layers)
    observable = hq.PauliSum.of({"XZ" + "I" * (n - 4) + "YY": 0.7, "Z" + "I" * (n - 1): -0.4})
    network = expectation_network(circuit, mpo(observable))
    whole = make_plan(network, PLENTY, 16, gradient=False)
    plan = make_plan(network, int(16 * whole.work.peak / 2), 16, gradient=False)
    assert plan.n_slices >= 4
    return circuit, observable, network, plan


@pytest.mark.parametrize("seed", range(12))
def test_energies_are_those_of_the_state_vector(library, seed):
    circuit, observable, network, plan, row = made_ready(2 + seed % 4, seed)
    program = leaf_program(network.structure.leaves)
    with CuQuantumNetwork(network, plan, library) as ready:
        for turn in range(3):  # in place: the network is made once
            ready.update(program.values(circuit.angles(row + turn)))
            found = complex(ready.contract())
            assert found == pytest.approx(state_energy(circuit, row + turn, observable), abs=1e-11)


@pytest.mark.parametrize("seed", range(12))
def test_gradients_are_those_of_differences_for_each_of_several_rows(library, seed):
    circuit, observable, network, plan, row = made_ready(2 + seed % 3, seed, gradient=True)
    program = leaf_program(network.structure.leaves)
    with CuQuantumNetwork(network, plan, library, gradient=True) as ready:
        for turn in range(2):
            angles = circuit.angles(row + turn)
            ready.update(program.values(angles))
            ready.contract()
            slopes = 2.0 * np.real(program.gradient(angles, ready.gradients()))
            found = circuit.angles_map.gather(slopes, row + turn)
            assert found == pytest.approx(differences(circuit, row + turn, observable), abs=1e-9)


def test_real_circuits_are_contracted_in_real_numbers(library):
    circuit, observable, network, plan, row = made_ready(4, 7, gradient=True, names=REAL, letters="IXZ")
    program = leaf_program(network.structure.leaves)
    assert program.real
    assert circuit.n_parameters
    angles = circuit.angles(row)
    with CuQuantumNetwork(network, plan, library, dtype=np.float64, gradient=True) as ready:
        ready.update(program.values(angles))
        value = ready.contract()
        assert value.dtype == np.float64
        assert float(value) == pytest.approx(state_energy(circuit, row, observable), abs=1e-11)
        slopes = 2.0 * np.real(program.gradient(angles, ready.gradients().astype(complex)))
    assert circuit.angles_map.gather(slopes, row) == pytest.approx(differences(circuit, row, observable), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_open_networks_give_the_state_and_its_cotangents(library, seed):
    circuit, observable, _, _, row = made_ready(3, seed, gradient=True)
    network = state_network(circuit)
    if not network.structure.leaves:
        pytest.skip("no gate")
    plan = make_plan(network, PLENTY, 16, gradient=True)
    program, angles = leaf_program(network.structure.leaves), circuit.angles(row)
    index = tuple(0 if mode is None else slice(None) for mode in reversed(network.structure.ends))
    matrix = observable.to_matrix()
    with CuQuantumNetwork(network, plan, library, gradient=True) as ready:
        ready.update(program.values(angles))
        psi = np.zeros((2,) * 3, complex)
        psi[index] = ready.contract()
        overlap = abs(np.vdot(psi.ravel(), state_of(circuit, row)))
        assert overlap == pytest.approx(1.0, abs=1e-12)
        cotangent = (matrix @ psi.ravel()).conj().reshape(psi.shape)[index]
        slopes = 2.0 * np.real(program.gradient(angles, ready.gradients(cotangent)))
    assert circuit.angles_map.gather(slopes, row) == pytest.approx(differences(circuit, row, observable), abs=1e-9)


def test_slices_add_up_in_any_division(library):
    circuit, observable, network, plan = sliced()
    row = np.random.default_rng(3).normal(size=circuit.n_parameters)
    with CuQuantumNetwork(network, plan, library) as ready:
        ready.update(leaf_program(network.structure.leaves).values(circuit.angles(row)))
        n = ready.n_slices
        assert n == plan.n_slices
        parts = [range(k, n, 3) for k in range(3)]
        apart = sum(complex(ready.contract(part)) for part in parts)
        listed = complex(ready.contract(np.arange(n))) + complex(ready.contract([]))
        whole = complex(ready.contract())
    assert whole == pytest.approx(state_energy(circuit, row, observable), abs=1e-11)
    assert apart == pytest.approx(whole, abs=1e-12)
    assert listed == pytest.approx(whole, abs=1e-12)


def test_an_observable_that_is_a_number_needs_no_network(library):
    circuit = random_circuit(3, 2)
    network = expectation_network(circuit, mpo(hq.PauliSum.of({"III": -1.5})))
    assert network.inputs == ((),)
    plan = Plan((), (), 1, work_of(network, ()), "nothing to plan")
    with CuQuantumNetwork(network, plan, library, gradient=True) as ready:
        ready.update(np.zeros(0, complex))
        assert complex(ready.contract()) == -1.5
        assert not ready.gradients().size


def test_wrong_use_is_refused_in_words(library):
    circuit, _, network, plan = sliced()
    with pytest.raises(InputError, match=rf"gradients of whole contractions only, and this plan has {plan.n_slices}"):
        CuQuantumNetwork(network, plan, library, gradient=True)
    values = leaf_program(network.structure.leaves).values(circuit.angles(np.zeros(circuit.n_parameters)))
    ready = CuQuantumNetwork(network, plan, library)
    with pytest.raises(InputError, match="call update first"):
        ready.contract()
    ready.update(values)
    ready.contract()
    with pytest.raises(InputError, match="without gradient=True"):
        ready.gradients()
    ready.free()
    ready.free()
    for call in (lambda: ready.update(values), ready.contract, ready.gradients):
        with pytest.raises(InputError, match="was freed"):
            call()


def test_a_gradient_needs_the_value_of_the_same_operands(library):
    circuit, _, network, plan, row = made_ready(3, 5, gradient=True)
    values = leaf_program(network.structure.leaves).values(circuit.angles(row))
    with CuQuantumNetwork(network, plan, library, gradient=True) as ready:
        ready.update(values)
        ready.contract()
        ready.update(values)
        with pytest.raises(InputError, match="call contract"):
            ready.gradients()


def test_too_little_memory_says_what_it_takes():
    _, _, network, plan = sliced()
    with pytest.raises(
        CapacityError, match=r"GPU 3 has too little memory .* workspace takes .* B at least.*more slices"
    ):
        CuQuantumNetwork(network, plan, Twin(), memory=16)


def test_a_failure_of_the_library_is_a_backend_error():
    circuit, _, network, plan, row = made_ready(3, 5)
    twin = Twin()
    ready = CuQuantumNetwork(network, plan, twin)
    ready.update(leaf_program(network.structure.leaves).values(circuit.angles(row)))

    def failing(slices):
        raise twin.library.cuTensorNetError("INTERNAL_ERROR")

    twin.made[-1].contract = failing
    with pytest.raises(BackendError, match="cuTensorNet failed on GPU 3: INTERNAL_ERROR"):
        ready.contract()


@pytest.mark.skipif(not why_not_here(), reason="cuQuantum works here")
def test_without_a_gpu_the_handle_says_why():
    with pytest.raises(HybridqError) as told:
        CuTensorNet()
    assert str(told.value) == why_not_here()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_packed_operands_are_the_leaves_aligned_and_in_place(seed, n):
    circuit, _, network, plan, row = made_ready(n, seed) if seed else made_ready(n, 1)
    operands = operands_of(network, plan)
    angles = circuit.angles(row)
    plain = plain_values(network.structure.leaves, angles)
    buffer = np.full(operands.size, np.nan, complex)
    operands.pack(leaf_program(network.structure.leaves).values(angles), buffer)
    views = operands.views(buffer)
    for (operand, leaf, conjugate), begin in zip(operands.varying, operands.begins, strict=True):
        assert begin * 16 % ALIGNED == 0
        assert np.shares_memory(views[operand], buffer)
        assert views[operand] == pytest.approx(plain[leaf].conj() if conjugate else plain[leaf], abs=1e-14)
    assert set(views) | set(operands.constants) == set(range(len(operands.inputs)))
    assert not set(views) & set(operands.constants)
    assert all(operands.constants[k].shape == operands.shape(k) for k in operands.constants)


@given(st.integers(2, 30), st.randoms(use_true_random=False))
def test_paths_of_positions_are_those_of_cotengra(n, random):
    from cotengra.pathfinders.path_basic import ssa_to_linear

    there, path = list(range(n)), []
    for out in range(n, 2 * n - 1):
        a, b = random.sample(there, 2)
        path.append((a, b))
        there = [k for k in there if k not in (a, b)] + [out]
    assert [tuple(pair) for pair in ssa_to_linear(path)] == [tuple(pair) for pair in linear_path(path, n)]


def test_a_path_without_some_inputs_is_that_of_the_others():
    path = [(0, 1), (2, 3), (5, 6), (7, 4)]  # 5 = 0 1, 6 = 2 3, 7 = 5 6, 8 = 7 4
    assert linear_path(path, 5, [1, 4]) == linear_path([(1, 2), (0, 3)], 3)  # of inputs 0, 2, 3
    assert linear_path(path, 5, [0, 1, 4]) == ((0, 1),)
    assert linear_path(path, 5, range(5)) == ()


@needs_library
@pytest.mark.parametrize("seed", range(8))
def test_cutensornet_takes_the_path_unchanged(seed):
    _, _, network, plan, _ = made_ready(2 + seed % 5, seed)
    operands = operands_of(network, plan)
    if len(operands.inputs) < 2:
        pytest.skip("nothing to contract")
    info = accepted(operands)
    assert [tuple(map(int, pair)) for pair in info.path] == list(operands.path)
    assert info.num_slices == 1
    assert info.largest_intermediate == pytest.approx(plan.work.largest, rel=1.0)


@needs_library
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.complex64])
def test_cutensornet_takes_the_slices_unchanged_and_counts_the_same_work(dtype):
    _, _, network, plan = sliced()
    operands = operands_of(network, plan, dtype)
    info = accepted(operands, dtype)
    assert [tuple(map(int, pair)) for pair in info.path] == list(operands.path)
    assert {int(mode): int(extent) for mode, extent in info.slices} == dict.fromkeys(plan.sliced, 1)
    assert info.num_slices == plan.n_slices
    assert info.opt_cost == pytest.approx(2 * plan.n_slices * plan.work.products, rel=0.1)  # its flops are two of ours


@needs_library
def test_cutensornet_takes_the_options_and_one_handle_for_many_networks():
    from cuquantum.bindings import cutensornet

    handle = cutensornet.create()
    try:
        for seed in range(2, 5):
            _, _, network, plan, _ = made_ready(4, seed)
            info = accepted(operands_of(network, plan), **network_options(0, handle, 1 << 32))
            assert info.num_slices == 1
    finally:
        cutensornet.destroy(handle)


@needs_library
def test_cutensornet_refuses_scalars_which_is_why_they_are_left_out():
    from cuquantum import tensornet

    pair = [np.eye(2), [0, 1], np.array(2.0), [], np.eye(2), [1, 0], []]
    with pytest.raises(Exception, match="INVALID_VALUE"):
        tensornet.contract_path(*pair, options={"memory_limit": 1 << 30}, optimize={"path": [(0, 1), (0, 1)]})
