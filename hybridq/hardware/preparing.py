"""Preparing: a circuit and an observable, made ready for a device once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import CapacityError, InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Circuit, Observable
from hybridq.hardware.device import Compiled, Device
from hybridq.hardware.recipe import Prepared, Recipe
from hybridq.measurement import Measurement, measurement, prior_variances, rotated
from hybridq.mitigation import Symmetry, calibration_circuits, fold
from hybridq.qubits import Encoding, encoding_for, pauli_strings, to_qiskit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

GROUPINGS = ("qubit-wise", "commuting", "basis-rotation")
ALLOCATIONS = ("prior", "norm", "weight", "uniform", "adaptive")


@dataclass(frozen=True, eq=False)
class Lowered:
    """A circuit on qubits and how its observable is measured; see `Prepared`."""

    circuit: QuantumCircuit
    measurement: Measurement | None = None
    variances: tuple[float, ...] | None = None
    symmetry: Symmetry | None = None


def prepare(
    device: Device,
    circuit: Circuit,
    observable: Observable | None,
    grouping: str,
    encoding: str | None,
    recipe: Recipe,
) -> Prepared:
    """Put a circuit on qubits, find its settings, and let the device compile it.

    Args:
        device: what it is for.
        circuit: to be run.
        observable: to be measured; None for counts, whose bits are then spin orbitals or qubits of the circuit.
        grouping, encoding: see `DeviceBackend`.
        recipe: what is done about noise.

    Raises:
        CapacityError: it has more qubits than the device.
        InputError: the device, or an option, does not go with the circuit.
    """
    from qiskit import QuantumCircuit

    if isinstance(circuit, FermionicCircuit):
        assert observable is None or isinstance(observable, Hamiltonian)
        made = _fermionic(device, circuit, observable, grouping, encoding, recipe)
    else:
        assert observable is None or isinstance(observable, PauliSum)
        made = _on_qubits(device, circuit, observable, grouping, recipe)
    n = made.circuit.num_qubits
    found = made.measurement
    if found is None:  # counts are given as they are read
        return Prepared(n, device.compile(made.circuit, [QuantumCircuit(n)]), {}, None)
    compiled = device.compile(made.circuit, [setting.tail() for setting in found.settings])
    folded = {f: tuple(_folded(device, p, f) for p in compiled.programs) for f in recipe.factors}
    calibration, pair_of = _calibration(device, compiled, n) if recipe.mitigation.readout else ((), ())
    return Prepared(n, compiled, folded, found, made.variances, made.symmetry, calibration, pair_of)


def _fermionic(
    device: Device,
    circuit: FermionicCircuit,
    observable: Hamiltonian | None,
    grouping: str,
    encoding: str | None,
    recipe: Recipe,
) -> Lowered:
    code = encoding_of(circuit, "jordan_wigner" if observable is None or grouping == "basis-rotation" else encoding)
    check_width(device, code.n_qubits, circuit.name)
    plain = to_qiskit(circuit, code, synthesize=False)
    if observable is None:
        return Lowered(plain)
    alpha, beta = circuit.reference
    modes = sum(1 << p for p in alpha) | sum(1 << p for p in beta) << circuit.n_orbitals
    reference = code.basis_state(modes)
    if grouping == "basis-rotation":
        found = rotated(observable, reference=circuit.reference)
    else:
        found = measurement(pauli_strings(observable, code), grouping)
    symmetry = Symmetry.for_circuit(circuit, code) if recipe.mitigation.symmetry else None
    return Lowered(plain, found, prior_variances(found, reference), symmetry)


def encoding_of(circuit: FermionicCircuit, name: str | None) -> Encoding:
    """The encoding of this name; for None the one with the fewest qubits that the circuit allows."""
    if name is not None:
        return encoding_for(name, circuit)
    try:
        return encoding_for("parity_reduced", circuit)
    except InputError:
        return encoding_for("jordan_wigner", circuit)


def _on_qubits(
    device: Device, circuit: QubitCircuit, observable: PauliSum | None, grouping: str, recipe: Recipe
) -> Lowered:
    check_width(device, circuit.n_qubits, circuit.name)
    if observable is None:
        return Lowered(circuit.to_qiskit())
    if recipe.mitigation.symmetry:
        raise InputError(
            "mitigation by symmetry needs a fermionic circuit, whose electrons are known; got a circuit on qubits"
        )
    if grouping == "basis-rotation":
        raise InputError("the grouping 'basis-rotation' is for fermionic circuits, got a circuit on qubits")
    return Lowered(circuit.to_qiskit(), measurement(observable, grouping))


def check_width(device: Device, n_qubits: int, name: str) -> None:
    """Refuse what is too wide.

    Raises:
        CapacityError: the device has fewer qubits.
    """
    if n_qubits > device.n_qubits:
        raise CapacityError(
            f"{name} has {n_qubits} qubits, and {device.name} has {device.n_qubits}; take a smaller active space, an "
            "encoding with fewer qubits (parity_reduced), or a larger device"
        )


def _folded(device: Device, program: Any, factor: int) -> Any:
    from qiskit import QuantumCircuit

    if factor == 1:
        return program
    own = getattr(device, "fold", None)  # a device whose programs are elsewhere
    if callable(own):
        return own(program, factor)
    if not isinstance(program, QuantumCircuit):
        raise InputError(
            f"zero-noise extrapolation folds circuits of Qiskit, and {device.name} has programs of another kind; "
            "leave zne out"
        )
    return fold(program, factor)


def _calibration(
    device: Device, compiled: Compiled, n_qubits: int
) -> tuple[tuple[tuple[Any, Any], ...], tuple[int, ...]]:
    """Programs that read all 0 and all 1 where the settings are read, and which of them belongs to which setting."""
    from qiskit import QuantumCircuit

    places: list[tuple[int, ...] | None] = [*dict.fromkeys(compiled.qubits)] or [None]
    pairs = []
    for layout in places:
        made = device.compile(QuantumCircuit(n_qubits), calibration_circuits(n_qubits), layout)
        pairs.append((made.programs[0], made.programs[1]))
    of = tuple(places.index(q) for q in compiled.qubits) if compiled.qubits else (0,) * len(compiled.programs)
    return tuple(pairs), of
