"""What an evaluation costs besides its shots: circuits, transpilations and bytes, beside Qiskit's own estimators.

    python -m benchmarks.overhead

A VQE's 20 evaluations of a row, then one batch of 2 P rows as a gradient by parameter shifts asks for, with UCCSD, for

- `BackendEstimatorV2` and hybridq's `qiskit:` on the same Aer simulator of ibm_manila: bytes are those of the circuits
  as QPY that reach ``backend.run``;
- IBM's `Estimator` (resilience level 0) and hybridq's `ibm:` and `ibm-estimator:` with the real client and the loopback
  service of `tests/hardware`: bytes are those of the requests' bodies.

The peers are used as their documentation says: the circuit is transpiled once by hand, a row is a pub, a batch is one
pub with all rows. Counted are the runs of a pass manager that no other runs inside of. Expected from counting:
circuits are settings times rows for all; hybridq's transpilations are those of the structure, one for each setting's
tail, and none later, those of BackendEstimatorV2 one by hand and then at every call. Settings with different numbers of
shots are jobs of their own where a job has one number for all, so that hybridq's jobs are more. On the wire `ibm:`
sends one circuit a setting with all rows, IBM's estimator one circuit with all rows and bases. Each energy is held to
six standard errors of the exact one. Writes `results/overhead.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hybridq as hq
from benchmarks import machine
from benchmarks.running import ROOT

sys.path.insert(0, str(ROOT / "tests" / "hardware"))
MOLECULES: dict[str, tuple[str, tuple[int, int] | None]] = {
    "H2": ("H 0 0 0; H 0 0 0.74", None),
    "LiH(2,2)": ("Li 0 0 0; H 0 0 1.6", (2, 2)),
    "LiH(2,3)": ("Li 0 0 0; H 0 0 1.6", (2, 3)),
}
EVALUATIONS = 20
PER_BASIS = 1024  # shots of a setting
QUICK = {"poll_seconds": 0.005, "longest_poll": 0.02}
Evaluate = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass
class Seen:
    """What was counted."""

    transpilations: int = 0
    circuits: int = 0
    jobs: int = 0
    bytes: int = 0
    seconds: float = 0.0


@contextlib.contextmanager
def passes(seen: Seen) -> Iterator[None]:
    """Count outermost runs of pass managers."""
    from qiskit.transpiler import PassManager, StagedPassManager

    depth = 0
    kept = {cls: cls.run for cls in (PassManager, StagedPassManager)}

    def counting(run: Any) -> Any:
        def counted(self: Any, circuits: Any, *words: Any, **more: Any) -> Any:
            nonlocal depth
            if depth == 0:
                seen.transpilations += len(circuits) if isinstance(circuits, list | tuple) else 1
            depth += 1
            try:
                return run(self, circuits, *words, **more)
            finally:
                depth -= 1

        return counted

    for cls, run in kept.items():
        cls.run = counting(run)
    try:
        yield
    finally:
        for cls, run in kept.items():
            cls.run = run


def simulator() -> Any:
    """Aer with the noise of ibm_manila left out: its gates and couplings alone."""
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    backend = AerSimulator.from_backend(FakeManilaV2())
    backend.set_options(noise_model=None)
    return backend


@contextlib.contextmanager
def calls(backend: Any, seen: Seen) -> Iterator[None]:
    """Count circuits and their bytes as QPY on their way into ``backend.run``."""
    from qiskit import qpy

    run = backend.run

    def counted(circuits: Any, *words: Any, **more: Any) -> Any:
        given = circuits if isinstance(circuits, list) else [circuits]
        buffer = io.BytesIO()
        qpy.dump(given, buffer)
        seen.circuits += len(given)
        seen.jobs += 1
        seen.bytes += len(buffer.getvalue())
        return run(circuits, *words, **more)

    backend.run = counted
    try:
        yield
    finally:
        del backend.run


def problem_of(name: str) -> Any:
    """The molecule in STO-3G, with its active space."""
    atom, space = MOLECULES[name]
    electrons, orbitals = space or (None, None)
    return hq.Problem.from_xyz(atom, "sto-3g", active_electrons=electrons, active_orbitals=orbitals)


def hybridq_way(backend: Any, problem: Any, circuit: Any, shots: int | None) -> Evaluate:
    """Rows as one task."""

    def evaluate(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        words = {"shots": shots} if shots else {"precision": 0.05}
        (result,) = backend.submit([hq.Task(circuit, rows, problem.hamiltonian, **words)]).result(600)
        return result.value, result.stderr

    return evaluate


def peer_way(make: Callable[[], Any], target: Any, problem: Any, circuit: Any, names: tuple[str, ...]) -> Evaluate:
    """Rows as one pub; the circuit transpiled once, when first asked."""
    from qiskit.transpiler import generate_preset_pass_manager

    from hybridq.qubits import encoding_for, pauli_strings, to_qiskit

    code = encoding_for("parity_reduced", circuit)
    operator = pauli_strings(problem.hamiltonian, code).to_sparse_pauli_op()
    ready: list[Any] = []

    def evaluate(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not ready:
            plain = to_qiskit(circuit, code)
            isa = generate_preset_pass_manager(backend=target, optimization_level=2, seed_transpiler=0).run(plain)
            ready.extend((isa, operator.apply_layout(isa.layout), make()))
        isa, placed, estimator = ready
        result = estimator.run([(isa, placed, rows)], precision=PER_BASIS**-0.5).result()[0]
        errors = np.max([np.ravel(getattr(result.data, name)) for name in names if hasattr(result.data, name)], axis=0)
        return np.ravel(result.data.evs), errors

    return evaluate


def measured(evaluate: Evaluate, seen: Seen, rows: NDArray[np.float64], exact: NDArray[np.float64]) -> None:
    """One call, timed and held to the exact energies."""
    began = time.perf_counter()
    values, errors = evaluate(rows)
    seen.seconds += time.perf_counter() - began
    if not (np.abs(values - exact) <= 6 * errors + 1e-9).all():
        raise RuntimeError(f"{values} +- {errors} are not {exact}")


def ways(problem: Any, circuit: Any, service: Any) -> dict[str, tuple[Evaluate, Any]]:
    """How to evaluate, and the simulator whose calls are counted; None where the service counts."""
    from qiskit.primitives import BackendEstimatorV2
    from qiskit_ibm_runtime.executor_estimator import Estimator

    from hybridq_qiskit import QiskitBackend

    local = [simulator(), simulator()]
    ibm = hq.backend("ibm:ibm_manila", patience=QUICK)
    theirs = hq.backend("ibm-estimator:ibm_manila", resilience_level=0, patience=QUICK)
    mine = QiskitBackend(local[1], patience=QUICK, local=True)
    task = hq.Task(circuit, circuit.start, problem.hamiltonian, shots=10**6)
    shots = PER_BASIS * QiskitBackend(simulator(), local=True).cost([task]).circuits
    both = ("stds", "ensemble_standard_error")
    device = ibm.device.backend
    made = {
        "BackendEstimatorV2": (
            peer_way(lambda: BackendEstimatorV2(backend=local[0]), local[0], problem, circuit, ("stds",)), local[0]
        ),
        "hybridq qiskit:": (hybridq_way(mine, problem, circuit, shots), local[1]),
        "IBM Estimator": (
            peer_way(lambda: _level_0(Estimator(mode=device)), device, problem, circuit, both), None
        ),
        "hybridq ibm-estimator:": (hybridq_way(theirs, problem, circuit, shots), None),
        "hybridq ibm:": (hybridq_way(ibm, problem, circuit, shots), None),
    }  # fmt: skip
    return made


def _level_0(estimator: Any) -> Any:
    estimator.options.resilience_level = 0
    return estimator


def table(name: str, service: Any) -> list[dict[str, Any]]:
    """All ways for one molecule."""
    problem = problem_of(name)
    circuit = hq.ansatz("uccsd").build(problem)
    n = circuit.n_parameters
    rng = np.random.default_rng(3)
    points = circuit.start + 0.1 * rng.normal(size=(EVALUATIONS, n))
    batch = np.repeat(points[:1], 2 * n, axis=0) + np.kron(np.eye(n), [[1.0], [-1.0]]) * np.pi / 4
    sector = hq.backend("sector")
    exact = [sector.submit([hq.Task(circuit, rows, problem.hamiltonian)]).result()[0].value for rows in (points, batch)]
    found = []
    for way, (evaluate, local) in ways(problem, circuit, service).items():
        seen = {"20 evaluations": Seen(), f"batch of {2 * n} rows": Seen()}
        first, second = seen.values()
        singles = list(zip(points[:, None], exact[0][:, None], strict=True))
        for part, work in ((first, singles), (second, [(batch, exact[1])])):
            before = set() if local is not None else set(service.jobs())
            with passes(part), calls(local, part) if local is not None else contextlib.nullcontext():
                for rows, energies in work:
                    measured(evaluate, part, rows, energies)
            if local is None:
                new = [job for job_id, job in service.jobs().items() if job_id not in before]
                part.jobs, part.bytes = len(new), sum(job["bytes"] for job in new)
                part.circuits = sum(job["circuits"] for job in new)
        found.append({"way": way, **{kind: asdict(one) for kind, one in seen.items()}})
        print(f"{name:9} {way:24}", end="")
        for one in seen.values():
            print(
                f"  {one.transpilations:4} passes {one.circuits:5} circuits {one.jobs:3} jobs {one.bytes:8} B", end=""
            )
        print(flush=True)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Count, print, and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--molecules", nargs="+", choices=[*MOLECULES], default=[*MOLECULES])
    options = parser.parse_args(words)
    before = machine.about()
    warnings.simplefilter("ignore")
    from ibm import IBMQuantum

    with tempfile.TemporaryDirectory() as folder:
        service = IBMQuantum(Path(folder))
        os.environ.update(service.environment())
        try:
            tables = {name: table(name, service) for name in options.molecules}
        finally:
            service.stop()
    machine.save("overhead", {**before, "shots_of_a_setting": PER_BASIS, "molecules": tables})
    return 0


if __name__ == "__main__":
    sys.exit(main())
