"""The GPU's engine against the compiled engine: by whole arrays, by the kernels built as C, and by CuPy on a GPU."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels_in_c import COMPILER, CLaunch
from molecules import circuits, hydrogen_chain, random_hamiltonian, singles_and_doubles

import hybridq as hq
from hybridq.contract.circuit import product
from hybridq.contract.errors import HybridqError
from hybridq.contract.generators import NumberProduct, single
from hybridq_sector import gpu_arrays, gpu_passes, gpu_tables
from hybridq_sector.engine import Engine
from hybridq_sector.gpu_engine import GpuEngine, kernels
from hybridq_sector.gpu_launch import CupyLaunch
from hybridq_sector.gpu_place import Gpu, Host
from hybridq_sector.program import compile_circuit
from hybridq_sector.sigma import compile_hamiltonian

EXACT = 1e-12


@cache
def why_no_cupy() -> str:
    from hybridq.contract.devices import require_cupy

    try:
        require_cupy()
    except HybridqError as error:
        return str(error)
    return ""


@cache
def family_case(family, n):
    atoms = "; ".join(f"H 0 0 {z}" for z in (0, 1, 2.2, 3.4, 4.5)[:n])
    problem = hq.Problem.from_xyz(atoms, "sto-3g", charge=n % 2)
    return hq.ansatz(family).build(problem), problem.hamiltonian


def ready(how):
    """Skip where this way cannot run."""
    if how == "kernels in C" and COMPILER is None:
        pytest.skip("no C compiler")
    if how.startswith("cupy") and why_no_cupy():
        pytest.skip(why_no_cupy())


def made(how, circuit, h, *, work=1 << 20, **launching):
    """The engine of a circuit: by whole arrays, by the kernels in C, or by CuPy."""
    ready(how)
    program = compile_circuit(circuit)
    if how == "arrays":
        return GpuEngine(program, h, Host(), work=work)
    if how == "kernels in C":
        launch = CLaunch(*kernels(program), **launching)
        return GpuEngine(program, h, Host(), launch, work=work)
    from hybridq.contract.devices import gpu_of_rank, require_cupy

    cupy, device = require_cupy(), gpu_of_rank()
    launch = None if how == "cupy arrays" else CupyLaunch(cupy, *kernels(program), device)
    return GpuEngine(program, h, Gpu(cupy, device, graphs="graphs" in how), launch, work=work)


def compiled(circuit, h):
    return Engine(compile_circuit(circuit), compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta))


WAYS = ["arrays", "kernels in C", "cupy arrays", "cupy kernels", "cupy kernels in graphs"]
every_way = pytest.mark.parametrize("how", WAYS)


def compare(engine, circuit, h, row):
    expected = compiled(circuit, h)
    energy, gradient = expected.energy_and_gradient(row)
    expected.prepare(row)
    scale = max(1.0, abs(energy), float(np.abs(gradient).max(initial=0)))
    engine.prepare(row)
    np.testing.assert_allclose(engine.psi, expected.psi, atol=EXACT)
    for _ in range(3):  # a graph is captured the second time
        got, by_parameter = engine.energy_and_gradient(row)
        assert abs(got - energy) <= EXACT * scale
        np.testing.assert_allclose(by_parameter, gradient, rtol=0, atol=EXACT * scale)
    assert abs(engine.energy(row) - energy) <= EXACT * scale


@pytest.mark.parametrize("real", [True, False], ids=["real", "complex"])
@every_way
def test_any_circuit_gives_the_compiled_engines_state_energy_and_gradient(how, real, monkeypatch):
    ready(how)

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(data=st.data())
    def check(data):
        circuit = data.draw(circuits(real=real, max_factors=8))
        seed = data.draw(st.integers(0, 2**32 - 1))
        row = np.random.default_rng(seed).uniform(-4, 4, size=circuit.n_parameters)
        h = random_hamiltonian(circuit.n_orbitals, seed, blocks=data.draw(st.booleans()))
        monkeypatch.setattr(gpu_tables, "NARROW", data.draw(st.sampled_from([0, 1 << 15])))
        few = data.draw(st.booleans())
        monkeypatch.setattr(gpu_passes, "BLOCKS", 3 if few else 1024)
        limit = data.draw(st.sampled_from([1 << 18, 8448]))  # of the second, tiles take all and rows never fit
        work = data.draw(st.sampled_from([1, 1 << 20]))
        launching = {"shared_limit": limit, "most_blocks": 3 if few else 1 << 31}
        compare(made(how, circuit, h, work=work, **launching), circuit, h, row)

    check()


@pytest.mark.parametrize("family", ["uccsd", "uccgsd", "k-upccgsd", "pccd", "lucj"])
@every_way
def test_circuit_families_give_the_compiled_engines_energy_and_gradient(how, family):
    ready(how)
    circuit, h = family_case(family, 5)
    row = np.random.default_rng(3).uniform(-1, 1, circuit.n_parameters)
    compare(made(how, circuit, h), circuit, h, row)


@pytest.mark.parametrize("family", ["uccsd", "lucj"])
def test_a_block_with_many_units_does_them_all(family, monkeypatch):
    monkeypatch.setattr(gpu_passes, "BLOCKS", 3)
    circuit, h = family_case(family, 5)
    row = np.random.default_rng(4).uniform(-1, 1, circuit.n_parameters)
    compare(made("kernels in C", circuit, h, most_blocks=3), circuit, h, row)


@every_way
def test_runs_of_number_products_on_unequal_spins(how):
    ready(how)
    products = [NumberProduct((p,), (q,)) for p in range(3) for q in range(1, 4)]
    products += [NumberProduct((0, 2)), NumberProduct((), (1, 3)), NumberProduct((1, 2), (3,)), NumberProduct((3,))]
    hops = [single(p, q, spin) for spin in ("alpha", "beta") for p, q in ((0, 1), (1, 2), (2, 3))]
    circuit = product(4, (3, 1), [*hops, *products, *hops[::-1], *products[::-1], *hops])
    row = np.random.default_rng(6).uniform(-2, 2, circuit.n_parameters)
    compare(made(how, circuit, random_hamiltonian(4, 2)), circuit, random_hamiltonian(4, 2), row)


@pytest.mark.parametrize("how", WAYS[:2])
def test_strings_of_several_segments_are_added_up_in_each(how, monkeypatch):
    for module in (gpu_tables, gpu_passes, gpu_arrays):
        monkeypatch.setattr(module, "SEGMENT", 7)
    circuit, h = family_case("lucj", 5)
    row = np.random.default_rng(4).uniform(-1, 1, circuit.n_parameters)
    compare(made(how, circuit, h), circuit, h, row)


@pytest.mark.parametrize(("n", "n_alpha", "n_beta"), [(2, 1, 1), (5, 3, 1), (6, 3, 3), (4, 4, 2), (4, 0, 2), (6, 2, 4)])
@pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "one block"])
@every_way
def test_h_psi_equals_the_compiled_engines(how, blocks, n, n_alpha, n_beta):
    h = random_hamiltonian(n, 3, blocks=blocks)
    circuit = singles_and_doubles(n, n_alpha, n_beta)
    expected = compiled(circuit, h)
    psi = np.random.default_rng(1).normal(size=expected.psi.shape)
    out = np.empty_like(psi)
    expected.multiply(psi, out)
    got = made(how, circuit, h, work=5000).multiply(psi)
    np.testing.assert_allclose(got, out, rtol=0, atol=EXACT * np.abs(out).max())


@pytest.mark.parametrize("beta_outer", [True, False])
def test_both_orders_of_the_doubles_are_passes_of_many_factors_with_few_transpositions(beta_outer):
    circuit, h = singles_and_doubles(6, 3, 3, beta_outer=beta_outer), hydrogen_chain(6)
    engine = made("arrays", circuit, h)
    kinds = [type(step).__name__ for step in engine.plan.steps]
    assert kinds.count("Transpose") <= 4
    assert kinds.count("Rows") < len(circuit.factors) / 3
    compare(engine, circuit, h, np.random.default_rng(0).normal(size=circuit.n_parameters))


@pytest.mark.parametrize("real", [True, False], ids=["real", "complex"])
def test_threads_of_a_block_share_its_work_without_a_race(real):
    if real:
        circuit, h = singles_and_doubles(5, 2, 2), random_hamiltonian(5, 1)
    else:
        circuit, h = family_case("lucj", 4)
    row = np.random.default_rng(2).normal(size=circuit.n_parameters)
    one, three = (made("kernels in C", circuit, h, threads=threads) for threads in (1, 3))
    compare(three, circuit, h, row)
    first = three.energy_and_gradient(row)
    again = three.energy_and_gradient(row)
    assert first[0] == again[0]
    assert np.array_equal(first[1], again[1])
    assert one.energy(row) == pytest.approx(first[0], abs=1e-12)


def test_every_kernel_is_met_by_these_tests():
    import re

    from hybridq_sector.gpu_passes import SOURCE

    names = set(re.findall(r"^KERNEL (\w+)\(", SOURCE.read_text(), re.MULTILINE))
    circuit, h = family_case("lucj", 4)
    engine = made("kernels in C", circuit, h)
    engine.energy_and_gradient(circuit.start)
    assert engine.passes.launch.names == names
