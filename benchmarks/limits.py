"""How far the sector engine is from what this processor can do.

    python benchmarks/limits.py

For each molecule: amplitudes touched by one sweep, multiply-adds of H|psi>, the shortest time that these allow at two
rates measured here (rotation of rows that stay in the first-level cache; dgemm of the engine's shapes, one thread), and
the time that the engine takes on one thread and on the threads that it chooses. Prints a table and writes
benchmarks/results/limits.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hybridq_sector import sweep_kernels
from hybridq_sector.cost import choose_threads
from hybridq_sector.engine import Engine, one_blas_thread
from hybridq_sector.program import amplitudes_touched, compile_circuit
from hybridq_sector.sigma import compile_hamiltonian, flops

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import hybridq as hq
from benchmarks import problems
from hybridq.contract.threads import available_threads

RESULTS = Path(__file__).parent / "results" / "limits.json"
SIZES = ("H4", "LiH", "BeH2", "H2O", "N2", "H8", "H10", "N2-cc-pVDZ", "H12")


def median(work: Callable[[], object], repeats: int = 7) -> float:
    """Median seconds of a call, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def rotation_rate() -> float:
    """Amplitudes a second, touched by rotations of rows of 32 numbers in 16 KiB."""
    rows, repeats = 32, 20000
    x, y = np.ones((rows, 32)), np.ones((rows, 32))
    source = np.tile(np.arange(rows, dtype=np.uint32), repeats)
    sign = np.ones(len(source))
    seconds = median(lambda: sweep_kernels._rotate(x, y, 32, source, source, sign, 0, len(source), 0.6, 0.8))
    return 2 * 32 * len(source) / seconds


def product_rate(n_pairs: int, hops: int, n_alpha: int) -> float:
    """Multiply-adds a second of dgemm in the shape of the mixed pass, one thread."""
    a, b, out = np.ones((n_pairs, hops)), np.ones((hops, n_alpha)), np.empty((n_pairs, n_alpha))
    with one_blas_thread():
        repeats = max(1, 2_000_000 // (n_pairs * hops * n_alpha // 100 + 1))
        seconds = median(lambda: [np.dot(a, b, out) for _ in range(repeats)])
    return repeats * n_pairs * hops * n_alpha / seconds


def main() -> None:
    rotation = rotation_rate()
    rows = []
    print(f"rotations in cache: {rotation / 1e9:.2f} G amplitudes/s on one thread")
    print("molecule    params     touched  sweeps floor   H madds  H floor   floor ms  engine ms  times  threaded ms")
    for name in SIZES:
        made = problems.make(name)
        problem = hq.Problem.from_integrals(made.one_body, made.two_body, made.n_electrons, made.constant)
        circuit = hq.ansatz("uccsd", point_group=False).build(problem)
        row = np.random.default_rng(7).normal(0, 0.05, circuit.n_parameters)
        n_alpha, n_beta = circuit.n_alpha, circuit.n_beta
        sigma = compile_hamiltonian(problem.hamiltonian, n_alpha, n_beta)
        engine = Engine(compile_circuit(circuit), sigma)
        touched = amplitudes_touched(circuit)
        product, gather, same = flops(circuit.n_orbitals, n_alpha, n_beta)
        blocks = np.diff(sigma.block_start)
        share = float((blocks.astype(float) ** 2).sum() / blocks.sum() ** 2)  # of the product, once in blocks
        rate = product_rate(len(sigma.g), sigma.beta_pair.shape[1], sigma.shape[0])
        chosen = choose_threads(circuit, available_threads())
        shared = Engine(engine.program, sigma, chosen.sweep, chosen.sigma)
        threaded = median(lambda e=shared, r=row: e.energy_and_gradient(r))  # type: ignore[misc]
        sweeps, apply = 3 * touched / rotation, (share * product + same) / rate
        measured = median(lambda e=engine, r=row: e.energy_and_gradient(r))  # type: ignore[misc]
        rows.append(
            {
                "molecule": name,
                "n_parameters": circuit.n_parameters,
                "amplitudes_touched": touched,
                "bytes_moved_by_three_sweeps": 3 * 16 * touched,
                "product_multiply_adds": product * share,
                "same_spin_multiply_adds": same,
                "gather_additions": gather,
                "floor_seconds": sweeps + apply,
                "engine_seconds": measured,
                "threads_of_sweeps_and_product": [chosen.sweep, chosen.sigma],
                "threaded_seconds": threaded,
            }
        )
        madds, floor = share * product + same, sweeps + apply
        work = f"{circuit.n_parameters:>6} {touched:>11,} {1e3 * sweeps:>10.3f} ms {madds:>9.2e} {1e3 * apply:>7.2f}"
        times = f"{1e3 * floor:>10.3f} {1e3 * measured:>10.3f} {measured / floor:>6.1f} {1e3 * threaded:>12.3f}"
        print(f"{name:<11} {work} {times}")
    RESULTS.write_text(json.dumps({"rotation_amplitudes_per_second": rotation, "cases": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
