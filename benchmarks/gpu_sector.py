"""The sector engine on a GPU: held against the CPU's, then timed.

    python -m benchmarks.gpu_sector [--check 4,6,8] [--sizes 6,8,10,12,14,16] [--repeats 7] [--cpu-up-to 12]

Hydrogen chains at half filling, 1 angstrom apart, STO-3G, UCCSD. Stages are timed with device events: `forward` the
sweep that makes the state, `product` H|psi>, `back` the sweep of the gradient; `gradient` is the wall time of a whole
call with its transfers. `bytes` are what a sweep must read and write, `share` is their rate over that of a plain copy
on the same device; of `product` the share is that of its matrix products' flops in the rate of a large product.
Without a GPU the same code runs on NumPy arrays, to see that it works; the times then mean nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

import hybridq as hq
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import HybridqError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq_sector.engine import Engine
from hybridq_sector.gpu_cost import sigma_work
from hybridq_sector.gpu_engine import WORK, GpuEngine, kernels
from hybridq_sector.gpu_passes import Launch
from hybridq_sector.gpu_place import Gpu, Host, Place
from hybridq_sector.gpu_plan import Diagonal, Rows
from hybridq_sector.program import compile_circuit
from hybridq_sector.sigma import compile_hamiltonian

EXACT = 1e-12  # relative to the largest number compared
WAYS = ("graphs", "launches", "arrays")
SIZES = (6, 8, 10, 12, 14, 16)


@cache
def gpu() -> tuple[Any, int] | None:
    """CuPy and this process's GPU, where they can be used."""
    from hybridq.contract.devices import gpu_of_rank, require_cupy

    try:
        return require_cupy(), gpu_of_rank()
    except HybridqError:
        return None


def where() -> str:
    """The device that is measured."""
    from hybridq.contract.devices import gpus

    found = gpu()
    return "NumPy on the host" if found is None else gpus()[found[1]].name


@cache
def chain(n: int) -> tuple[FermionicCircuit, Hamiltonian]:
    """H_n and its UCCSD circuit."""
    problem = hq.Problem.from_xyz("; ".join(f"H 0 0 {i}" for i in range(n)), "sto-3g", charge=n % 2)
    return hq.ansatz("uccsd").build(problem), problem.hamiltonian


@cache
def jastrow(n: int) -> tuple[FermionicCircuit, Hamiltonian]:
    """H_n and a unitary cluster Jastrow circuit, which is complex."""
    problem = hq.Problem.from_xyz("; ".join(f"H 0 0 {i}" for i in range(n)), "sto-3g", charge=n % 2)
    return hq.ansatz("lucj").build(problem), problem.hamiltonian


def engine(circuit: FermionicCircuit, h: Hamiltonian, way: str = "graphs", work: int = WORK) -> GpuEngine:
    """On the GPU by "graphs", "launches" or "arrays"; without one by arrays of NumPy."""
    program, found = compile_circuit(circuit), gpu()
    if found is None:
        return GpuEngine(program, h, Host(), work=work)
    from hybridq_sector.gpu_launch import CupyLaunch

    cupy, device = found
    launch: Launch | None = None if way == "arrays" else CupyLaunch(cupy, *kernels(program), device)
    return GpuEngine(program, h, Gpu(cupy, device, graphs=way == "graphs"), launch, work=work)


def check(sizes: Sequence[int] = (4, 6, 8)) -> list[dict[str, Any]]:
    """Differences between GPU and CPU at random parameters, relative to the largest number compared.

    Raises:
        AssertionError: one is above 1e-12.
    """
    rows = []
    ways = WAYS if gpu() else ("arrays",)
    for n in sizes:
        for family, (circuit, h) in (("uccsd", chain(n)), ("lucj", jastrow(n))):
            cpu = Engine(compile_circuit(circuit), compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta))
            rng = np.random.default_rng(n)
            psi = rng.normal(size=cpu.psi.shape) + (1j * rng.normal(size=cpu.psi.shape) if not circuit.is_real else 0)
            image = np.empty_like(psi)
            cpu.multiply(psi, image)
            for way in ways:
                made = engine(circuit, h, way)
                found = {"h_psi": _gap(made.multiply(psi), image), "energy": 0.0, "gradient": 0.0}
                for _ in range(3):
                    row = rng.uniform(-1, 1, circuit.n_parameters)
                    for name, got, expected in zip(
                        ("energy", "gradient"), made.energy_and_gradient(row), cpu.energy_and_gradient(row), strict=True
                    ):
                        found[name] = max(found[name], _gap(np.asarray(got), np.asarray(expected)))
                assert max(found.values()) <= EXACT, (n, family, way, found)
                rows.append({"orbitals": n, "family": family, "way": way, **found})
    return rows


def _gap(got: Any, expected: Any) -> float:
    return float(np.abs(got - expected).max() / max(1.0, np.abs(expected).max()))


def measure(sizes: Sequence[int] = SIZES, *, repeats: int = 7, cpu_up_to: int = 12) -> list[dict[str, Any]]:
    """Medians in seconds, bytes, and shares of the device's own rates, for each number of orbitals."""
    place = engine(*chain(sizes[0])).place
    copy, multiply = _rates(place, 4096 if gpu() else 256)
    rows = []
    for n in sizes:
        circuit, h = chain(n)
        row = np.random.default_rng(n).normal(scale=0.1, size=circuit.n_parameters)
        made = engine(circuit, h)
        for _ in range(3):  # compiles, captures, runs
            made.energy_and_gradient(row)
        with place.active():
            stages = {name: _timed(place, work, repeats) for name, work in made.stages(row).items()}
        one_by_one = engine(circuit, h, "launches") if gpu() else made
        plain = _wall(lambda e=one_by_one, r=row: e.energy_and_gradient(r), repeats)  # type: ignore[misc]
        del one_by_one
        moved = sweep_bytes(made)
        flops, _ = sigma_work(circuit)
        found: dict[str, Any] = {
            "orbitals": n, "parameters": circuit.n_parameters, "amplitudes": int(np.prod(made.program.shape)),
            "device_bytes": made.nbytes, "steps": len(made.plan.steps), "stages": stages,
            "gradient": _wall(lambda e=made, r=row: e.energy_and_gradient(r), repeats),  # type: ignore[misc]
            "gradient_without_graphs": plain,
            "bytes": {"forward": moved, "back": 2 * moved},
            "share": {
                "forward": moved / stages["forward"] / copy,
                "back": 2 * moved / stages["back"] / copy,
                "product": flops / stages["product"] / multiply,
            },
        }  # fmt: skip
        if n <= cpu_up_to:
            cpu = Engine(compile_circuit(circuit), compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta))
            cpu.energy_and_gradient(row)
            found["cpu_gradient"] = _wall(lambda e=cpu, r=row: e.energy_and_gradient(r), 3)  # type: ignore[misc]
        rows.append(found)
    return rows


def sweep_bytes(made: GpuEngine) -> int:
    """Bytes that a forward sweep reads and writes at least: of a step's rows, or of what its factors touch."""
    vector = int(np.prod(made.program.shape))
    amplitudes = vector / 2  # the reference is only written
    for step in made.plan.steps:
        amplitudes += min(step.loaded, step.touched) if isinstance(step, Rows) else vector
        assert not isinstance(step, Diagonal) or made.planes == 2
    return int(2 * amplitudes) * 8 * made.planes


def _rates(place: Place, size: int) -> tuple[float, float]:
    """Bytes a second of a copy, and flops a second of a product of matrices, at this size."""
    xp = place.xp
    with place.active():
        a, b = xp.ones((size, size)), xp.ones((size, size))
        copy = _timed(place, lambda: b.__setitem__(slice(None), a), 5)
        multiply = _timed(place, lambda: xp.matmul(a, a, out=b), 5)
    return 16 * size**2 / copy, 2 * size**3 / multiply


def _timed(place: Place, work: Callable[[], object], repeats: int) -> float:
    """Median seconds of queued work on the device."""
    if not isinstance(place, Gpu):
        return _wall(work, repeats)
    cupy, times = place.xp, []
    work()
    for _ in range(repeats):
        began, ended = cupy.cuda.Event(), cupy.cuda.Event()
        began.record(place.stream)
        work()
        ended.record(place.stream)
        ended.synchronize()
        times.append(cupy.cuda.get_elapsed_time(began, ended) / 1e3)
    return statistics.median(times)


def _wall(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| orbitals | parameters | amplitudes | forward ms (share) | H psi ms (share) | back ms (share) "
        "| energy + gradient ms | without graphs ms | CPU ms |",
        "| ---: " * 9 + "|",
    ]
    for r in rows:
        parts = [f"{1e3 * r['stages'][name]:.3g} ({r['share'][name]:.0%})" for name in ("forward", "product", "back")]
        cpu = f"{1e3 * r['cpu_gradient']:.3g}" if "cpu_gradient" in r else ""
        cells = [r["orbitals"], r["parameters"], r["amplitudes"], *parts, f"{1e3 * r['gradient']:.3g}"]
        cells += [f"{1e3 * r['gradient_without_graphs']:.3g}", cpu]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Check, measure, print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", default="4,6,8", help="orbitals for the comparison with the CPU")
    asked.add_argument("--sizes", default=",".join(map(str, SIZES if gpu() else SIZES[:2])))
    asked.add_argument("--repeats", type=int, default=7)
    asked.add_argument("--cpu-up-to", type=int, default=12)
    options = asked.parse_args()
    print(where())
    worst: dict[str, float] = {}
    for row in check([int(n) for n in options.check.split(",")]):
        for name in ("energy", "gradient", "h_psi"):
            worst[name] = max(worst.get(name, 0.0), row[name])
    print("largest relative differences from the CPU: " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items()))
    sizes = [int(n) for n in options.sizes.split(",")]
    print(table(measure(sizes, repeats=options.repeats, cpu_up_to=options.cpu_up_to)))


if __name__ == "__main__":
    main()
