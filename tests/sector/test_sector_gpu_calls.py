"""How CuPy is called: arguments, shared memory, captured graphs, and the benchmark, on a stand-in over NumPy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from kernels_in_c import COMPILER
from molecules import hydrogen_chain, singles_and_doubles
from stand_in_for_cupy import cupy

from hybridq_sector.engine import Engine
from hybridq_sector.gpu_engine import GpuEngine, kernels
from hybridq_sector.gpu_launch import CupyLaunch
from hybridq_sector.gpu_place import Gpu
from hybridq_sector.program import compile_circuit
from hybridq_sector.sigma import compile_hamiltonian

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.mark.parametrize("graphs", [True, False])
def test_launches_and_graphs_give_the_compiled_engines_numbers(graphs):
    circuit, h = singles_and_doubles(6, 3, 2), hydrogen_chain(6)
    program = compile_circuit(circuit)
    place = Gpu(cupy, 0, graphs=graphs)
    made = GpuEngine(program, h, place, CupyLaunch(cupy, *kernels(program), 0))
    cpu = Engine(program, compile_hamiltonian(h, 3, 2))
    for seed in range(4):
        row = np.random.default_rng(seed).normal(size=circuit.n_parameters)
        energy, gradient = cpu.energy_and_gradient(row)
        got, by_parameter = made.energy_and_gradient(row)
        assert got == pytest.approx(energy, abs=1e-12)
        np.testing.assert_allclose(by_parameter, gradient, atol=1e-12)
    assert place.stream.captures == (2 if graphs else 0)
    assert place.room() == (8 << 30) + (1 << 20)


def test_rows_too_long_for_a_default_block_ask_for_more_shared_memory():
    circuit = singles_and_doubles(12, 2, 6)
    program = compile_circuit(circuit)
    launch = CupyLaunch(cupy, *kernels(program), 0)
    made = GpuEngine(program, None, Gpu(cupy, 0), launch)
    made.prepare(np.zeros(circuit.n_parameters))
    assert launch._kernels["rows_forward"].max_dynamic_shared_size_bytes == 48 * 1024
    wide = compile_circuit(singles_and_doubles(14, 1, 7, beta_outer=False))
    launch = CupyLaunch(cupy, *kernels(wide), 0)
    made = GpuEngine(wide, None, Gpu(cupy, 0), launch)
    made.prepare(np.zeros(wide.circuit.n_parameters))
    assert launch._kernels["rows_forward"].max_dynamic_shared_size_bytes == 2 * 3432 * 8
    assert made.psi[wide.reference] == 1


@pytest.mark.parametrize("gpu", [True, False], ids=["launches", "arrays"])
def test_the_benchmark_runs_to_its_end(gpu, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    from benchmarks import gpu_sector

    monkeypatch.setattr(gpu_sector, "gpu", lambda: (cupy, 0) if gpu else None)
    monkeypatch.setattr(gpu_sector, "where", lambda: "the stand-in")
    monkeypatch.setattr(gpu_sector, "_rates", lambda place, size: (1e9, 1e9))
    monkeypatch.setattr(sys, "argv", ["gpu_sector", "--check", "4", "--sizes", "4,5", "--repeats", "1"])
    if gpu:  # the stand-in has no whole-array operations
        monkeypatch.setattr(gpu_sector, "WAYS", ("graphs", "launches"))
    gpu_sector.main()
    assert "| 4 |" in capsys.readouterr().out
