"""hybridq: variational quantum chemistry on simulators, GPUs and quantum hardware, over MPI.

Everything here is imported when it is first used, so ``import hybridq`` is quick and loads no simulator,
no vendor library and no MPI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hybridq.chem.problem import Problem as Problem
    from hybridq.contract.backend import Backend as Backend
    from hybridq.contract.backend import Capabilities as Capabilities
    from hybridq.contract.backend import Cost as Cost
    from hybridq.contract.backend import Job as Job
    from hybridq.contract.backend import LocalBackend as LocalBackend
    from hybridq.contract.backend import Placement as Placement
    from hybridq.contract.backend import Spanning as Spanning
    from hybridq.contract.backend import Status as Status
    from hybridq.contract.budget import Budget as Budget
    from hybridq.contract.circuit import Factor as Factor
    from hybridq.contract.circuit import FermionicCircuit as FermionicCircuit
    from hybridq.contract.errors import BackendError as BackendError
    from hybridq.contract.errors import BudgetExceeded as BudgetExceeded
    from hybridq.contract.errors import CapacityError as CapacityError
    from hybridq.contract.errors import ConvergenceError as ConvergenceError
    from hybridq.contract.errors import HybridqError as HybridqError
    from hybridq.contract.errors import InputError as InputError
    from hybridq.contract.errors import JobNotFound as JobNotFound
    from hybridq.contract.errors import JournalMismatch as JournalMismatch
    from hybridq.contract.errors import MissingPackage as MissingPackage
    from hybridq.contract.generators import Excitation as Excitation
    from hybridq.contract.generators import Ladder as Ladder
    from hybridq.contract.generators import NumberProduct as NumberProduct
    from hybridq.contract.hamiltonian import Hamiltonian as Hamiltonian
    from hybridq.contract.paulis import PauliSum as PauliSum
    from hybridq.contract.pool import PoolElement as PoolElement
    from hybridq.contract.qubit_circuit import QubitCircuit as QubitCircuit
    from hybridq.contract.task import RDM as RDM
    from hybridq.contract.task import Result as Result
    from hybridq.contract.task import Task as Task
    from hybridq.hardware.backend import DeviceBackend as DeviceBackend
    from hybridq.loops.adapt import ADAPT as ADAPT
    from hybridq.loops.adapt_result import ADAPTResult as ADAPTResult
    from hybridq.loops.inspection import RunStatus as RunStatus
    from hybridq.loops.inspection import status as status
    from hybridq.loops.result import VQEResult as VQEResult
    from hybridq.loops.resume import resume as resume
    from hybridq.loops.scan import scan as scan
    from hybridq.loops.scan_result import ScanResult as ScanResult
    from hybridq.loops.step import Step as Step
    from hybridq.loops.stopping import Interrupted as Interrupted
    from hybridq.loops.vqe import VQE as VQE
    from hybridq.planning import Plan as Plan
    from hybridq.planning import plan as plan
    from hybridq.qubits.graphs import ising as ising
    from hybridq.qubits.graphs import max_cut as max_cut
    from hybridq.qubits.graphs import qubo as qubo
    from hybridq.qubits.importers import from_openfermion as from_openfermion
    from hybridq.qubits.importers import from_qasm as from_qasm
    from hybridq.qubits.lowering import to_qiskit as to_qiskit
    from hybridq.qubits.pennylane import from_pennylane as from_pennylane
    from hybridq.qubits.problem import QubitProblem as QubitProblem
    from hybridq.registry import ansatz as ansatz
    from hybridq.registry import backend as backend
    from hybridq.registry import backend_names as backend_names
    from hybridq.registry import circuit_names as circuit_names
    from hybridq.registry import pool as pool
    from hybridq.registry import pool_names as pool_names

_HOME = {
    "hybridq.chem.problem": ("Problem",),
    "hybridq.contract.backend": (
        "Backend",
        "Capabilities",
        "Cost",
        "Job",
        "LocalBackend",
        "Placement",
        "Spanning",
        "Status",
    ),
    "hybridq.contract.budget": ("Budget",),
    "hybridq.contract.circuit": ("Factor", "FermionicCircuit"),
    "hybridq.contract.errors": (
        "BackendError",
        "BudgetExceeded",
        "CapacityError",
        "ConvergenceError",
        "HybridqError",
        "InputError",
        "JobNotFound",
        "JournalMismatch",
        "MissingPackage",
    ),
    "hybridq.contract.generators": ("Excitation", "Ladder", "NumberProduct"),
    "hybridq.contract.hamiltonian": ("Hamiltonian",),
    "hybridq.contract.paulis": ("PauliSum",),
    "hybridq.contract.pool": ("PoolElement",),
    "hybridq.contract.qubit_circuit": ("QubitCircuit",),
    "hybridq.contract.task": ("RDM", "Result", "Task"),
    "hybridq.hardware.backend": ("DeviceBackend",),
    "hybridq.loops.adapt": ("ADAPT",),
    "hybridq.loops.adapt_result": ("ADAPTResult",),
    "hybridq.loops.inspection": ("RunStatus", "status"),
    "hybridq.loops.result": ("VQEResult",),
    "hybridq.loops.scan": ("scan",),
    "hybridq.loops.scan_result": ("ScanResult",),
    "hybridq.loops.step": ("Step",),
    "hybridq.loops.resume": ("resume",),
    "hybridq.loops.stopping": ("Interrupted",),
    "hybridq.loops.vqe": ("VQE",),
    "hybridq.planning": ("Plan", "plan"),
    "hybridq.qubits.graphs": ("ising", "max_cut", "qubo"),
    "hybridq.qubits.importers": ("from_openfermion", "from_qasm"),
    "hybridq.qubits.lowering": ("to_qiskit",),
    "hybridq.qubits.pennylane": ("from_pennylane",),
    "hybridq.qubits.problem": ("QubitProblem",),
    "hybridq.registry": ("ansatz", "backend", "backend_names", "circuit_names", "pool", "pool_names"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'hybridq' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
