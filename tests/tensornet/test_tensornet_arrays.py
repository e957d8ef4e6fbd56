"""Executors of a plan: the same values and gradients from the compiled loops, NumPy, PyTorch and CuPy."""

from __future__ import annotations

import ctypes
import shutil
import sys
from dataclasses import replace
from importlib.util import find_spec
from math import prod
from pathlib import Path

import numpy as np
import pytest
from cupy_twin import Twin
from cutensornet_twin import Twin as CuTensorNetTwin
from hypothesis import given, settings
from hypothesis import strategies as st
from tensornet_circuits import REAL, differences, random_circuit, random_observable, state_energy

import hybridq as hq
from hybridq.contract.devices import gpu_of_rank, require_cupy
from hybridq.contract.task import Task
from hybridq.qubits import QubitProblem
from hybridq_circuits.qubit_families.hea import hea
from hybridq_tensornet.array_modules import NumPy, Torch
from hybridq_tensornet.arrays import Arrays
from hybridq_tensornet.backend import TensorNetBackend
from hybridq_tensornet.compiled import Compiled
from hybridq_tensornet.cupy_arrays import CuPy
from hybridq_tensornet.cupy_kernels import source
from hybridq_tensornet.cuquantum_executor import CuQuantumWorkplace
from hybridq_tensornet.executors import EXECUTORS
from hybridq_tensornet.leaves import leaf_program
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.network import expectation_network, marginal_network, state_network
from hybridq_tensornet.pairwise import ANGLES, ROW, pairwise
from hybridq_tensornet.plan import Plan, make_plan
from hybridq_tensornet.schedule import schedule
from hybridq_tensornet.tree import quick, steps_of, work_of


def no_gpu() -> str:
    try:
        require_cupy()
    except hq.HybridqError as error:
        return str(error)
    return ""


NO_GPU = no_gpu()
NO_TORCH = "" if find_spec("torch") else "PyTorch is not installed"
NO_CC = "" if shutil.which("cc") else "no C compiler"
needs_torch = pytest.mark.skipif(bool(NO_TORCH), reason=NO_TORCH or "-")


MODULES = [
    "numpy",
    pytest.param("torch", marks=needs_torch),
    pytest.param("cupy", marks=pytest.mark.skipif(bool(NO_GPU), reason=NO_GPU or "-")),
]


@pytest.fixture(scope="module", params=MODULES)
def module(request):
    if request.param == "numpy":
        return NumPy()
    return Torch("cpu") if request.param == "torch" else CuPy(require_cupy(), gpu_of_rank())


def nvrtc():
    """The library of CUDA's run-time compiler, where its package is installed; None where it is not."""
    spec = find_spec("nvidia")
    places = [Path(place) for place in spec.submodule_search_locations] if spec else []
    found = sorted(path for place in places for path in place.glob("*/lib*/libnvrtc.so.*"))
    for path in found:
        for other in path.parent.glob("libnvrtc-builtins.so.*"):
            ctypes.CDLL(str(other), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(found[0])) if found else None


def plan_of(network, sliced=()):
    path = quick(network).path
    n_slices = prod(network.sizes[mode] for mode in sliced)
    return Plan(path, tuple(sliced), n_slices, work_of(network, path, sliced), "quick")


def random_plans(network, rng):
    """Unsliced, and cut at up to three modes."""
    inner = [mode for mode in network.sizes if mode not in network.output]
    plans = [plan_of(network)]
    if inner and plans[0].path:
        cut = rng.choice(inner, min(len(inner), int(rng.integers(1, 4))), replace=False)
        if prod(network.sizes[int(mode)] for mode in cut) <= 32:
            plans.append(plan_of(network, [int(mode) for mode in cut]))
    return plans


def evaluate(place, plan, values, seed):
    """The whole value, and the leaves' cotangents from `seed`."""
    place.load(values, gradient=True)
    total = 0
    for index in range(plan.n_slices):
        total = total + place.value(index, gradient=True, again=index > 0)
        place.pull(index, seed)
    return total, place.cotangents


def networks(n, seed, names=None):
    circuit = random_circuit(n, seed, 40, names) if names else random_circuit(n, seed, 40)
    observable = random_observable(n, seed, "IXZ" if names else "IXYZ")
    yield expectation_network(circuit, mpo(observable))
    yield state_network(circuit)
    yield marginal_network(circuit, range(n // 2), range(n // 2, n))


def compared(module, network, plan, rng, dtype=np.complex128, n_rows=3):
    """Largest differences of values and of derivatives by angle from the compiled loops."""
    program = leaf_program(network.structure.leaves)
    real = np.dtype(dtype).kind == "f"
    compiled = Compiled(network, schedule(network, plan.path, plan.sliced), np.float64 if real else np.complex128)
    rows = rng.normal(size=(n_rows, network.structure.n_angles))
    leaves = np.array([program.values(row) for row in rows]).reshape(n_rows, program.size)
    seed = rng.normal(size=tuple(network.sizes[mode] for mode in network.output))
    exact = [evaluate(compiled, plan, row, seed) for row in leaves]
    slopes = [program.gradient(row, found[1]) for row, found in zip(rows, exact, strict=True)]
    arrays = Arrays(network, plan, module, dtype)
    found = [evaluate(arrays, plan, row, seed) for row in leaves]
    together = evaluate(arrays, plan, leaves, seed)
    again = evaluate(arrays, plan, leaves[0], seed)
    errors = [np.abs(again[0] - found[0][0]).max(initial=0)]
    for k in range(n_rows):
        for value, cotangents in (found[k], (together[0][k], together[1][k])):
            errors.append(np.abs(value - exact[k][0]).max(initial=0))
            errors.append(np.abs(program.gradient(rows[k], cotangents) - slopes[k]).max(initial=0))
    return max(errors)


@given(n=st.integers(1, 6), seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_values_and_gradients_are_those_of_the_compiled_loops_sliced_or_not_one_row_or_many(module, n, seed):
    rng = np.random.default_rng(seed)
    for network in networks(n, seed):
        for plan in random_plans(network, rng):
            assert compared(module, network, plan, rng) < 1e-11


@given(n=st.integers(2, 6), seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_real_circuits_run_in_real_numbers(module, n, seed):
    rng = np.random.default_rng(seed)
    for network in networks(n, seed, REAL):
        assert compared(module, network, plan_of(network), rng, np.float64) < 1e-11


@pytest.mark.parametrize(("dtype", "names"), [(np.complex64, None), (np.float32, REAL)])
def test_single_precision_keeps_five_digits(module, dtype, names):
    rng = np.random.default_rng(0)
    for seed in range(6):
        for network in networks(5, seed, names):
            error = compared(module, network, plan_of(network), rng, dtype)
            assert error < 2e-4  # observables have up to 7 strings of weight 1


def chain(n, layers, entanglement="linear"):
    problem = QubitProblem(hq.PauliSum.of({"Z" * n: 1.0}))
    return hea(problem, layers=layers, rotations="ry rz", entanglement=entanglement)


@needs_torch
@pytest.mark.parametrize("sliced", [False, True])
def test_the_sweep_back_gives_the_gradient_of_pytorchs_autograd(sliced):
    import torch

    circuit, observable = chain(6, 2, "ring"), random_observable(6, 5)
    network = expectation_network(circuit, mpo(observable))
    rng = np.random.default_rng(1)
    plan = plan_of(network, [3, 11] if sliced else [])
    program = leaf_program(network.structure.leaves)
    values = program.values(rng.normal(size=network.structure.n_angles))
    given = torch.tensor(values, requires_grad=True)
    tensors, at = [], 0
    for leaf in network.structure.leaves:
        size = 1 << len(leaf.modes)
        tensors.append(given[at : at + size].reshape([2] * len(leaf.modes)))
        at += size
    # The bra is held fixed: `pull` gives what the ket's leaves alone do.
    every = [*tensors, *(t.detach().conj().resolve_conj() for t in tensors), *map(torch.tensor, network.constants)]
    kept = {k: (every[k], network.inputs[k]) for k in range(len(every))}
    left = [m for _, modes in kept.values() for m in modes]
    for out, (a, b) in enumerate(plan.path, len(every)):
        (x, xs), (y, ys) = kept.pop(a), kept.pop(b)
        for mode in (*xs, *ys):
            left.remove(mode)
        keep = [m for m in dict.fromkeys((*xs, *ys)) if m in left]
        local = {m: chr(97 + k) for k, m in enumerate(dict.fromkeys((*xs, *ys)))}
        text = ["".join(local[m] for m in modes) for modes in (xs, ys, keep)]
        kept[out] = torch.einsum(f"{text[0]},{text[1]}->{text[2]}", x, y), tuple(keep)
        left += keep
    ((value, _),) = kept.values()
    (slope,) = torch.autograd.grad(value.real, given)
    for module in (NumPy(), Torch("cpu")):
        found, cotangents = evaluate(Arrays(network, plan, module), plan, values, np.ones(()))
        assert found == pytest.approx(value.item(), abs=1e-12)
        # PyTorch's gradient of a real number by z is the conjugate of d value / d z (for a value that is linear in z).
        mask = [any(e.angle is not None for e in leaf.elements) for leaf in network.structure.leaves]
        held = np.repeat(mask, [1 << len(leaf.modes) for leaf in network.structure.leaves])
        np.testing.assert_allclose(cotangents[held], slope.numpy().conj()[held], atol=1e-12)


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
@pytest.mark.parametrize("name", ["numpy", pytest.param("torch", marks=needs_torch)])
def test_a_backend_with_another_executor_has_the_energy_and_gradient_of_the_state_vector(name, n, seed):
    circuit, observable = random_circuit(n, seed), random_observable(n, seed)
    row = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    found = TensorNetBackend(executor=name).run(Task(circuit, row, observable, driver="gradient"))
    assert found.energy[0] == pytest.approx(state_energy(circuit, row, observable), abs=1e-11)
    np.testing.assert_allclose(found.value[0], differences(circuit, row, observable), atol=1e-9)
    assert found.provenance["executor"] == name
    assert found.provenance["device"] == "CPU"


@pytest.mark.parametrize("form", ["operator", "cones", "state"])
def test_rows_that_are_done_at_once_have_the_values_of_rows_done_one_by_one(form):
    circuit, observable = chain(7, 2), random_observable(7, 8)
    rows = np.random.default_rng(2).uniform(-3, 3, (7, circuit.n_parameters))
    task = Task(circuit, rows, observable, driver="gradient")
    plain = TensorNetBackend(form, threads=1).run(task)
    backend = TensorNetBackend(form, threads=1, executor="numpy", memory="30MiB")
    backend._engine.executor = replace(backend._engine.executor, most_rows=3)
    many = backend.run(task)
    (ready,) = backend._engine._prepared.values()
    assert ready.rows == 3
    np.testing.assert_allclose(many.energy, plain.energy, atol=1e-12)
    np.testing.assert_allclose(many.value, plain.value, atol=1e-12)


def test_counts_and_amplitudes_do_not_depend_on_the_executor(monkeypatch):
    monkeypatch.setattr("hybridq_tensornet.sampling.WIDEST", 0)
    monkeypatch.setattr("hybridq_tensornet.sampling.NARROW", 0)
    monkeypatch.setattr("hybridq_tensornet.sampling.BLOCK", 2)
    circuit = random_circuit(5, 11, size=60)
    row = np.random.default_rng(2).normal(size=circuit.n_parameters)
    bits = [format(i, "05b") for i in range(0, 32, 5)]
    task = Task(circuit, row, driver="counts", shots=300)
    first, second = (TensorNetBackend(seed=3, executor=name) for name in ("compiled", "numpy"))
    assert first.run(task).value == second.run(task).value
    np.testing.assert_allclose(first.amplitudes(circuit, row, bits), second.amplitudes(circuit, row, bits), atol=1e-12)


@pytest.mark.parametrize("n_rows", [1, 5])
def test_products_have_the_modes_of_their_steps_and_rows_only_where_angles_matter(n_rows):
    circuit = chain(12, 3, "ring")
    network = expectation_network(circuit, mpo(random_observable(12, 4)))
    path = quick(network).path
    made = pairwise(network, path, (), n_rows)
    for product, step in zip(made.products, steps_of(network, path), strict=True):
        assert {product.p, product.q} == {step.left, step.right}
        assert set(made.made[product.out]) == set(made.used[product.out])
        assert set(made.used[product.out]) - {ROW} == set(step.modes)
        assert product.batch * product.rows * product.summed == made.numbers(product.p)
        assert product.batch * product.summed * product.columns == made.numbers(product.q)
        assert (ROW in made.used[product.out]) == (n_rows > 1 and made.level[product.out] == ANGLES)


def test_without_gradient_memory_is_used_again_and_bytes_stay_within_the_plans():
    network = expectation_network(chain(10, 5, "ring"), mpo(random_observable(10, 3)))
    plan = make_plan(network, 200 << 10, 16, gradient=False)
    arrays = Arrays(network, plan, NumPy())
    program = leaf_program(network.structure.leaves)
    arrays.load(program.values(np.zeros(network.structure.n_angles)))
    assert plan.n_slices > 1
    assert 16 * arrays._memory._size <= 200 << 10


@pytest.mark.skipif(bool(NO_CC), reason=NO_CC or "-")
@pytest.mark.parametrize("dtype", [np.complex128, np.float64, np.complex64, np.float32])
def test_cupys_kernels_and_cublas_calls_compute_the_same_first_run_captured_and_replayed(dtype, tmp_path, monkeypatch):
    twin = Twin(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy_backends.cuda.libs.cublas", twin.cublas)
    monkeypatch.setitem(sys.modules, "cupy.cuda.device", twin.device)
    monkeypatch.setattr("hybridq_tensornet.cupy_arrays.WORK", 1 << 9)
    monkeypatch.setattr("hybridq_tensornet.cupy_arrays.SIDE", 4)
    monkeypatch.setattr("hybridq_tensornet.cupy_arrays.LONG_SUM", 16)
    monkeypatch.setattr("hybridq_tensornet.cupy_arrays.FEW", 64)
    module, rng = CuPy(twin, 0), np.random.default_rng(0)
    names = REAL if np.dtype(dtype).kind == "f" else None
    tolerance = 1e-11 if np.dtype(dtype).itemsize in (8, 16) and dtype != np.complex64 else 2e-3
    for seed in range(3):
        for network in networks(7, seed, names):
            for plan in random_plans(network, rng):
                assert compared(module, network, plan, rng, dtype) < tolerance
    for kind in ("each", "each gathered", "shared_sum", "shared_sum gathered", "gemm", "copy", "add"):
        assert kind in twin.log


@pytest.mark.skipif(bool(NO_CC), reason=NO_CC or "-")
def test_products_of_cupy_are_right_in_every_arrangement(tmp_path, monkeypatch):
    twin = Twin(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy_backends.cuda.libs.cublas", twin.cublas)
    monkeypatch.setitem(sys.modules, "cupy.cuda.device", twin.device)
    module, rng = CuPy(twin, 0), np.random.default_rng(0)
    values = rng.normal(size=(70000, 2)) @ [1, 1j]
    shapes = [(1, 20, 90, 24), (3, 17, 65, 16), (2, 1, 300, 40), (2, 40, 300, 1), (1, 70, 100, 70), (5, 3, 2, 7)]
    for b, i, k, j in shapes:
        for p_turned in (False, True):
            for q_turned in (False, True):
                p = values[: b * i * k].reshape((b, k, i) if p_turned else (b, i, k)).view(type(twin.empty(1, complex)))
                q = values[-b * k * j :].reshape((b, j, k) if q_turned else (b, k, j)).view(type(p))
                p, q = (x.transpose(0, 2, 1) if turned else x for x, turned in ((p, p_turned), (q, q_turned)))
                out = twin.empty(b * i * j, np.complex128).reshape(b, i, j)
                module.product(out, p, q)()
                np.testing.assert_allclose(np.asarray(out), np.asarray(p) @ np.asarray(q), atol=1e-10)
    assert {"gemm", "each"} <= set(twin.log)


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_by_cuquantum_and_where_it_has_no_gradient_by_pairs_the_values_are_the_same(n, seed):
    rng = np.random.default_rng(seed)
    for network in networks(n, seed):
        program = leaf_program(network.structure.leaves)
        row = rng.normal(size=network.structure.n_angles)
        seeds = rng.normal(size=tuple(network.sizes[mode] for mode in network.output))
        for plan in random_plans(network, rng):
            compiled = Compiled(network, schedule(network, plan.path, plan.sliced))
            value, cotangents = evaluate(compiled, plan, program.values(row), seeds)
            place = CuQuantumWorkplace(network, plan, CuTensorNetTwin(), NumPy())
            for _ in range(2):
                found, given_back = evaluate(place, plan, program.values(row), seeds)
                np.testing.assert_allclose(found, value, atol=1e-11)
                slopes = program.gradient(row, cotangents)
                np.testing.assert_allclose(program.gradient(row, given_back), slopes, atol=1e-11)
            place.load(program.values(row))
            total = sum(place.value(index) for index in range(plan.n_slices))
            np.testing.assert_allclose(total, value, atol=1e-11)
            if len(network.constants) and network.output:
                other = np.concatenate([rng.normal(size=c.size) for c in network.constants])
                found = []
                for by in (place, compiled):
                    by.load(program.values(row), constants=other)
                    found.append(sum(by.value(index) for index in range(plan.n_slices)))
                np.testing.assert_allclose(*found, atol=1e-11)


def test_the_cuda_source_compiles_for_every_dtype():
    library = nvrtc()
    if library is None:
        pytest.skip("NVRTC is not installed: pip install nvidia-cuda-nvrtc")
    for dtype in ("float32", "float64", "complex64", "complex128"):
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        text = source(dtype).encode()
        assert library.nvrtcCreateProgram(ctypes.byref(program), text, b"products.cu", 0, None, None) == 0
        options = [b"--gpu-architecture=compute_90"]
        code = library.nvrtcCompileProgram(program, 1, (ctypes.c_char_p * 1)(*options))
        library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(program, log)
        assert code == 0, log.value.decode()
        library.nvrtcDestroyProgram(ctypes.byref(program))


def test_executors_that_cannot_run_here_say_why():
    with pytest.raises(hq.InputError, match="compiled"):
        TensorNetBackend(executor="abacus")
    with pytest.raises(hq.InputError, match="matrix product states are made on the CPU"):
        TensorNetBackend("mps", executor="numpy")
    if NO_GPU:
        for name in ("cupy", "cuquantum"):
            with pytest.raises((hq.CapacityError, hq.MissingPackage), match=r"GPU|CuPy|cuQuantum"):
                TensorNetBackend(executor=name)
    assert set(EXECUTORS) == {"compiled", "numpy", "torch", "cupy", "cuquantum"}
