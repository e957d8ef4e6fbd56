"""VQE: the lowest energy that a circuit reaches on a problem."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.chem.problem import Problem
from hybridq.comm import Comm, world
from hybridq.contract import circuit_file
from hybridq.contract.backend import Backend
from hybridq.contract.budget import Budget, budget_of
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Circuit, Driver, Observable, Task, fitting
from hybridq.derive import speaking
from hybridq.evaluate import Evaluator
from hybridq.loops.driver import Loop
from hybridq.loops.ledger import Ledger
from hybridq.loops.optimizers import Ask, Limits, Optimizer, Outcome, described, make_optimizer
from hybridq.loops.result import VQEResult
from hybridq.loops.step import Step
from hybridq.loops.stopping import Stopping
from hybridq.loops.summary import stopped, summary
from hybridq.loops.variational import Callback, Variational
from hybridq.loops.warm_start import best_row, first_row
from hybridq.planning import Plan, choose, consider, plan, plan_on
from hybridq.qubits import QubitProblem, jordan_wigner, pauli_strings
from hybridq.registry import Ansatz, ansatz, backend

CIRCUIT = "circuit.json"
START_NOISE = 1e-3  # radians: what the starting amplitudes of two SCF calculations of one molecule differ by


class VQE(Variational[VQEResult]):
    """Minimize the energy of a circuit over its parameters.

    Every MPI rank makes the same VQE and calls the same methods; rows are shared over the ranks.

    Args:
        problem: the Hamiltonian and its electrons; or a `QubitProblem`, or an observable as `PauliSum.of` takes it.
        circuit: a family (`hybridq.ansatz`), its name, or a circuit, which may be a Qiskit QuantumCircuit.
        backend: a name, a backend object, or "auto" for the cheapest that can do it.
        optimizer: a name, an optimizer object, or "auto": L-BFGS-B where values are exact, else SPSA.
        optimizer_options: options of the optimizer, by name.
        initial: first row, shape (n_parameters,), radians; None takes the circuit's own; the folder of another run
            of this circuit takes its best row as it is when this run begins.
        energy_tolerance, gradient_tolerance, max_iterations: see `hybridq.loops.optimizers.Limits`.
        max_evaluations: rows to evaluate at most; the best point so far is the result then.
        budget: a `Budget` (or its fields as a mapping): what the run may spend in all its lives together; no
            evaluation that would not fit is begun, and the best point so far is the result then.
        precision: wanted standard error of an energy, hartree; exact backends give exact values all the same.
        shots: samples for each row; overrides `precision`.
        seed: seed of everything random in the run.
        run: folder for the journal, the result and the plot; None records nothing. The same run in the same
            folder goes on where it stopped.
        wall_time: seconds after which to stop, in good order and before an evaluation that would not fit.
        stop: called on rank 0 before each evaluation; a text that it returns stops the run for that reason.
        ranks_per_group: ranks that serve one evaluation together, for backends that span several ranks; None: all.
        callbacks: called with each `Step` on rank 0; a true return value stops the run.
        progress: show a line of progress; None does where stderr is a terminal.
        comm: the ranks to use; None takes all.

    Raises:
        InputError: an argument makes no sense; the message says which and why.
    """

    def __init__(
        self,
        problem: Problem | QubitProblem | Any,
        circuit: Circuit | Ansatz | str | Any = "uccsd",
        *,
        backend: str | Backend = "auto",
        optimizer: str | Optimizer = "auto",
        optimizer_options: Mapping[str, Any] | None = None,
        initial: ArrayLike | str | Path | None = None,
        energy_tolerance: float = 1e-10,
        gradient_tolerance: float = 1e-5,
        max_iterations: int | None = None,
        max_evaluations: int | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
        precision: float | None = None,
        shots: int | None = None,
        seed: int = 0,
        run: str | Path | None = None,
        wall_time: float | None = None,
        stop: Callable[[], str | None] | None = None,
        ranks_per_group: int | None = None,
        callbacks: Sequence[Callback] | Callback = (),
        progress: bool | None = None,
        comm: Comm | None = None,
    ) -> None:
        began = time.perf_counter()
        problem = _problem(problem)
        for label, value in (("energy_tolerance", energy_tolerance), ("gradient_tolerance", gradient_tolerance)):
            if not 0 < value < np.inf:
                raise InputError(f"{label} must be positive and finite, got {value}")
        for label, number in (("max_iterations", max_iterations), ("max_evaluations", max_evaluations)):
            if number is not None and number < 1:
                raise InputError(f"{label} must be at least 1, got {number}")
        if not 0 <= seed < 2**63:
            raise InputError(f"seed must be between 0 and 2^63 - 1, got {seed}")
        self.comm = comm if comm is not None else world()
        # Each rank ran its own SCF, and two of these agree to some digits only: all take rank 0's.
        self.problem = self.comm.agree(problem)
        self._family = _family(circuit)
        self.circuit = self.comm.agree(_circuit(self._family, self.problem))
        self._initial = initial
        self.start = self.comm.once(lambda: _start(self.circuit, initial, run))
        self.precision, self.shots, self.seed = precision, shots, seed
        self.limits = Limits(energy_tolerance, gradient_tolerance, max_iterations)
        self.max_evaluations = max_evaluations
        self.budget = budget_of(budget)
        self.run_path = None if run is None else Path(run)
        self.callbacks = (callbacks,) if callable(callbacks) else tuple(callbacks)
        self.progress = progress
        self.wall_time, self.stop = wall_time, stop
        self.ranks_per_group = ranks_per_group
        self.result: VQEResult | None = None
        wanted = None if isinstance(optimizer, str) and optimizer.lower() == "auto" else optimizer
        chosen = None if wanted is None else make_optimizer(wanted, optimizer_options or {})
        self._driver = _driver(chosen)
        self._asked_backend = backend
        self.backend: Backend = self._choose(backend)
        if chosen is None:
            chosen = make_optimizer("SPSA" if self._evaluator().noisy else "L-BFGS-B", optimizer_options or {})
            self._driver = _driver(chosen)
        self.optimizer: Optimizer = chosen
        self._setup = time.perf_counter() - began

    def _choose(self, wanted: str | Backend) -> Backend:
        self._observable = observable_for(self.problem, self.circuit)
        task = self._task()  # shots, precision and observable are checked now, not after the first hour
        if isinstance(wanted, str) and wanted.lower() == "auto":
            wanted = self.comm.once(lambda: choose(task))
        return speaking(backend(wanted), self.circuit)

    def _task(self) -> Task:
        """One evaluation of the kind that the optimizer asks for."""
        h = self._observable
        return Task(self.circuit, self.start, h, self._driver, self.precision, self.shots, self.seed)

    def _evaluator(self) -> Evaluator:
        h = self._observable
        return Evaluator(
            self.backend, self.circuit, h, self.comm, self.precision, self.shots, self.seed, self.ranks_per_group
        )

    def plan(self) -> Plan:
        """What each installed backend predicts for one evaluation, and which one is taken; runs nothing."""
        task = self._task()
        if isinstance(self._asked_backend, str):
            return plan(task) if self._asked_backend.lower() == "auto" else plan(task, [self._asked_backend])
        return plan_on(self.backend, task)

    def requests(self) -> list[dict[str, Any]]:
        """What the first evaluation would send to hardware, one mapping for each of the vendor's jobs; sends nothing.

        Raises:
            InputError: the backend is no hardware, and sends nothing anywhere.
        """
        shown = getattr(self.backend, "requests", None)
        if shown is None:
            raise InputError(
                f"backend {self.backend.name!r} computes here and sends nothing; a dry run is for backends of hardware"
            )
        search = self.optimizer.search(self.start.copy(), self.limits, self.seed)
        try:
            message = next(search)
            while not isinstance(message, Ask):
                message = next(search)
        except StopIteration:
            return []
        finally:
            search.close()
        made: list[dict[str, Any]] = shown(self._evaluator().tasks(message.rows, message.gradient, 0))
        return made

    def spec(self) -> dict[str, Any]:
        """What the run is, as JSON can hold it; a journal is taken up only by the same spec."""
        from hybridq import __version__

        return {
            "loop": "vqe",
            "hybridq": __version__,
            "problem": self.problem.digest,
            "circuit": self.circuit.digest,
            "start": [float(x) for x in self.start],
            "backend": self.backend.name,
            **self._backend_options(),
            "optimizer": described(self.optimizer),
            "limits": self._limits(),
            "precision": self.precision,
            "shots": self.shots,
            "seed": self.seed,
        }

    def _limits(self) -> dict[str, Any]:
        """Limits that the walk depends on; where one only cuts it off, a later life may raise it."""
        limits = {"energy": self.limits.energy, "gradient": self.limits.gradient}
        planned = getattr(self.optimizer, "plans_iterations", True)
        return {**limits, "iterations": self.limits.iterations} if planned else limits

    def _ends(self) -> dict[str, Any]:
        ends = {"max_iterations": self.limits.iterations, "max_evaluations": self.max_evaluations}
        return ends | ({} if self.budget is None else {"budget": asdict(self.budget)})

    def _files(self) -> Mapping[str, str]:
        return {CIRCUIT: circuit_file.to_text(self.circuit)}

    def _loop(self, ledger: Ledger, stopping: Stopping, reported: int) -> Loop:
        ledger.watch.seconds["setup"] = self._setup
        return Loop(
            self._evaluator(),
            ledger,
            stopping,
            max_evaluations=self.max_evaluations,
            reported=reported,
            expected=self._expected_seconds,
        )

    def _expected_seconds(self) -> float:
        cost = consider(self.backend, self._task()).cost
        return 0.0 if cost is None else cost.seconds

    def _search(self, loop: Loop) -> Generator[Step, None, Outcome]:
        if self.circuit.n_parameters == 0:
            loop.at(self.start)
            return Outcome(self.start, True, "the circuit has no parameters")
        outcome = yield from loop.drive(self.optimizer.search(self.start.copy(), self.limits, self.seed))
        if not loop.evaluator.noisy and loop.best is not None and loop.best.energy < loop.closing(outcome.row).energy:
            return Outcome(loop.best.row, outcome.converged, outcome.reason)
        return outcome

    def _limit_reached(self, loop: Loop, history: list[Step], reason: str) -> Outcome:
        if loop.best is None:
            raise InputError(
                f"max_evaluations={self.max_evaluations} is less than the first batch of {self.optimizer.name}; "
                "allow more, or take another optimizer"
            )
        return stopped(loop, history, reason or f"the limit of {self.max_evaluations} evaluations was reached")

    def _adopt(self, problem: Problem | QubitProblem, spec: Mapping[str, Any]) -> None:
        start = spec["start"]
        self.problem = problem
        self.circuit = self.comm.agree(_circuit(self._family, problem))
        self._observable = observable_for(problem, self.circuit)
        if self._initial is None and len(start) == self.circuit.n_parameters:
            fresh = self.circuit.start
            same = np.allclose(np.abs(fresh), np.abs(start), atol=START_NOISE)
            self.start = np.array(start) if same else fresh

    def _result(self, loop: Loop, history: list[Step], outcome: Outcome, *, evaluate: bool = True) -> VQEResult:
        return VQEResult(**summary(self, loop, history, outcome, self.circuit, self._setup, evaluate=evaluate))


def _driver(chosen: Optimizer | None) -> Driver:
    """The dearest thing that an optimizer asks for; None stands for one that is chosen by the backend."""
    if chosen is None:
        return "gradient"
    if getattr(chosen, "uses_metric", False):
        return "metric"
    return "gradient" if chosen.uses_gradient else "energy"


def _start(circuit: Circuit, initial: ArrayLike | str | Path | None, run: str | Path | None) -> NDArray[np.float64]:
    if initial is None:
        return circuit.start
    if isinstance(initial, str | Path):
        # The other run may have gone on since this one took its best row, or be gone.
        begun = None if run is None else first_row(Path(run), circuit)
        return best_row(Path(initial), circuit) if begun is None else begun
    rows = circuit.rows(initial)
    if len(rows) != 1:
        raise InputError(f"initial is one row of {circuit.n_parameters} parameters, got {len(rows)} rows")
    return np.array(rows[0])


def _problem(problem: Any) -> Problem | QubitProblem:
    if isinstance(problem, Problem | QubitProblem):
        return problem
    try:
        return QubitProblem(problem)
    except InputError as error:
        if isinstance(problem, str) or "Pauli sum" in str(error):
            raise InputError(
                f"a VQE needs a hybridq.Problem or an observable, got {type(problem).__name__}; make one with "
                "Problem.from_pyscf(mf, ...), or give a SparsePauliOp or labels with numbers"
            ) from None
        raise


def observable_for(problem: Problem | QubitProblem, circuit: Circuit) -> Observable:
    """What is measured on a circuit's state: the Hamiltonian, for circuits on qubits as Pauli strings.

    Raises:
        InputError: the circuit does not fit the problem.
    """
    if isinstance(problem, QubitProblem):
        if isinstance(circuit, FermionicCircuit):
            raise InputError(
                "a fermionic circuit needs a problem with electrons, got an observable on qubits; take a circuit on "
                "qubits, or hybridq.Problem"
            )
        return fitting(circuit, problem.hamiltonian)
    if isinstance(circuit, FermionicCircuit):
        return problem.hamiltonian
    n = problem.n_qubits
    if circuit.n_qubits != n:
        raise InputError(
            f"the circuit has {circuit.n_qubits} qubits, the problem {n} under Jordan-Wigner; for another mapping give "
            "the mapped problem: problem.to_qubits('parity_reduced')"
        )
    return pauli_strings(problem.hamiltonian, jordan_wigner(problem.n_orbitals))


def _family(circuit: Any) -> Any:
    if isinstance(circuit, str) and ("OPENQASM" in circuit or circuit.endswith((".qasm", ".qpy"))):
        raise InputError("a VQE takes a circuit or the name of a family; read OpenQASM with hybridq.from_qasm(...)")
    return ansatz(circuit) if isinstance(circuit, str) else circuit


def _circuit(circuit: Any, problem: Problem | QubitProblem) -> Circuit:
    if isinstance(circuit, Ansatz):
        return circuit.build(problem)
    if isinstance(circuit, QubitCircuit) or type(circuit).__name__ == "QuantumCircuit":
        return QubitCircuit.of(circuit)
    if not isinstance(circuit, FermionicCircuit):
        return QubitCircuit.of(circuit)  # its error names the ways from OpenQASM and PennyLane
    if not isinstance(problem, Problem):
        return circuit  # `observable_for` says what is wrong
    have = (circuit.n_orbitals, circuit.n_alpha, circuit.n_beta)
    want = (problem.n_orbitals, problem.n_alpha, problem.n_beta)
    if have != want:
        raise InputError(
            f"the circuit is for {have[1]}+{have[2]} electrons in {have[0]} orbitals, the problem has "
            f"{want[1]}+{want[2]} in {want[0]}"
        )
    return circuit
