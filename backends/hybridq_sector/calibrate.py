"""Measure the rates of this host, in a few seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np

from hybridq.contract.circuit import FermionicCircuit, product
from hybridq.contract.generators import Generator, mixed_double, same_spin_double, single
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq_sector.cost import Rates
from hybridq_sector.engine import Engine
from hybridq_sector.program import amplitudes_touched, compile_circuit
from hybridq_sector.sigma import compile_hamiltonian, flops

LARGE = 11  # orbitals of the larger probe: its vectors leave the second-level cache, as those of real work do


def probe(n: int, k: int) -> tuple[FermionicCircuit, Hamiltonian]:
    """All singles and doubles of 2 k electrons in n orbitals, and a Hamiltonian of random integrals."""
    moves = [(i, a) for i in range(k) for a in range(k, n)]
    generators: list[Generator] = [single(i, a, spin) for spin in ("alpha", "beta") for i, a in moves]
    for spin in ("alpha", "beta"):
        for i in combinations(range(k), 2):
            generators += [same_spin_double(i, a, spin) for a in combinations(range(k, n), 2)]
    generators += [mixed_double(a, b) for b in moves for a in moves]
    rng = np.random.default_rng(n)
    one = rng.normal(size=(n, n))
    two = rng.normal(size=(n, n, n, n))
    two = two + two.transpose(1, 0, 2, 3)
    two = two + two.transpose(0, 1, 3, 2)
    return product(n, (k, k), generators), Hamiltonian(0.0, one + one.T, two + two.transpose(2, 3, 0, 1))


def typical(work: Callable[[], object], seconds: float = 0.3) -> float:
    """Median of several calls, after one that is not counted."""
    work()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < until:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def calibrate() -> Rates:
    """Rates from two sizes: a small one gives the fixed costs, a larger one the costs of each amplitude."""
    fixed, large = probe(4, 2), probe(LARGE, LARGE // 2)
    times = {}
    for name, (circuit, h) in (("fixed", fixed), ("large", large)):
        engine = Engine(compile_circuit(circuit), compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta))
        row = np.full(circuit.n_parameters, 0.05)
        c, w = engine.prepare(row)
        times[name] = (
            typical(lambda e=engine, r=row: e.prepare(r)),  # type: ignore[misc]
            typical(lambda e=engine: e._energy()),  # type: ignore[misc]
            typical(lambda e=engine, c=c, w=w: e.sweeper.back(e.psi, e.lam, c, w)),  # type: ignore[misc]
        )
    forward, sigma, back = times["large"]
    touched = amplitudes_touched(large[0])
    work = flops(LARGE, LARGE // 2, LARGE // 2)
    default = Rates()
    predicted = sum(a * b for a, b in zip(work, (default.product, default.gather, default.same), strict=True))
    scale = sigma / predicted
    faster, faster_back = forward / touched / default.amplitude, back / touched / default.back
    return Rates(
        amplitude=forward / touched,
        back=back / touched,
        rotation=default.rotation * faster,
        rotation_back=default.rotation_back * faster_back,
        diagonal=default.diagonal * faster,
        diagonal_back=default.diagonal_back * faster_back,
        run=default.run * faster,
        product=default.product * scale,
        gather=default.gather * scale,
        same=default.same * scale,
        call=sum(times["fixed"]) / 2 + default.call,
        group=default.group,
        thread_gain=default.thread_gain,
    )
