"""Program: a circuit made ready for Aer once, run with many rows of angles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import BackendError, InputError
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import FIXED, TURNS, QubitCircuit
from hybridq.measurement.setting import Turn, apply_turns
from hybridq_aer.settings import Settings

PARALLEL_ROWS = 14  # qubits (twice as many in a density matrix) below which Aer's threads take whole rows


@dataclass(frozen=True)
class Program:
    """What `run` needs.

    Attributes:
        circuit: Qiskit's, with a parameter for each angle and, at the end, what is brought back.
        parameters: Qiskit's, in the order of the angles.
        simulator: Aer's.
        parallel_rows: whether threads take rows, or share the work of one.
        bind_first: whether a circuit is made for each row, as Aer would bind its angles wrongly.
    """

    circuit: Any
    parameters: tuple[Any, ...]
    simulator: Any
    parallel_rows: bool
    bind_first: bool

    def run(self, angles: NDArray[np.float64], shots: int = 1, seed: int | None = None) -> Any:
        """Aer's result for rows of angles, shape (n_rows, n_angles), in one call.

        Raises:
            BackendError: Aer failed.
        """
        options: dict[str, Any] = {"shots": shots, "max_parallel_experiments": 0 if self.parallel_rows else 1}
        if seed is not None:
            options["seed_simulator"] = seed
        circuits = [self.circuit]
        if self.bind_first:
            circuits = [self.circuit.assign_parameters(dict(zip(self.parameters, row, strict=True))) for row in angles]
        elif self.parameters:
            options["parameter_binds"] = [dict(zip(self.parameters, angles.T.tolist(), strict=True))]
        else:
            circuits = circuits * len(angles)
        try:
            result = self.simulator.run(circuits, **options).result()
        except Exception as error:
            raise BackendError(f"Aer failed with {type(error).__name__}: {error}") from error
        if not result.success:
            told = [str(result.status), *(str(one.status) for one in result.results)]
            raise BackendError(f"Aer failed: {'; '.join(dict.fromkeys(told))}")
        if len(result.results) != len(angles):
            raise BackendError(f"Aer brought back {len(result.results)} results for {len(angles)} rows")
        return result


def state_program(circuit: QubitCircuit, settings: Settings) -> Program:
    """A program that brings back the state vector."""
    made, parameters = gates(circuit, settings)
    made.save_statevector()
    return _program(made, parameters, settings)


def value_program(circuit: QubitCircuit, observable: PauliSum, settings: Settings) -> Program:
    """A program that brings back ``<H>``; the state stays in Aer."""
    made, parameters = gates(circuit, settings)
    made.save_expectation_value(observable.to_sparse_pauli_op(), list(range(circuit.n_qubits)))
    return _program(made, parameters, settings)


def counts_program(circuit: QubitCircuit, settings: Settings, turns: Sequence[Turn] = ()) -> Program:
    """A program that measures all qubits, after the gates of a setting."""
    made, parameters = gates(circuit, settings, turns)
    made.measure_all()
    return _program(made, parameters, settings)


def gates(circuit: QubitCircuit, settings: Settings, turns: Sequence[Turn] = ()) -> tuple[Any, Any]:
    """The Qiskit circuit in gates that the simulator has, or that the noise model knows, and its parameters.

    Raises:
        InputError: under noise, an angle would be spread over several gates.
    """
    # Aer's save instructions become methods of circuits by this import.
    import qiskit_aer  # noqa: F401
    from qiskit import QuantumCircuit, transpile
    from qiskit.circuit import Parameter

    parameters = tuple(Parameter(f"a{k}") for k in range(circuit.n_angles))
    made = QuantumCircuit(circuit.n_qubits)
    for gate in circuit.gates:
        words: tuple[Any, ...] = ()
        if gate.name in TURNS:
            words = (gate.value if gate.angle is None else parameters[gate.angle],)
        getattr(made, gate.name)(*words, *gate.qubits)
    apply_turns(made, turns)
    noise = settings.noise_model
    basis = _native(settings) if noise is None else list(noise.basis_gates)
    if noise is None and _has_open_phase(made):
        basis.remove("cp")
    if set(made.count_ops()) <= set(basis):
        return made, parameters
    try:
        made = transpile(made, basis_gates=basis, optimization_level=0)
    except Exception as error:
        raise InputError(f"the circuit cannot be written in the gates {sorted(basis)}: {error}") from None
    if noise is not None:
        _refuse_spread(made, basis)
    return made, parameters


def _native(settings: Settings) -> list[str]:
    known = set(settings.simulator().configuration().basis_gates)
    return [name for name in (*FIXED, *TURNS) if name in known]


def _has_open_phase(made: Any) -> bool:
    """Whether a cp has a parameter: Aer 0.17 and 0.18 leave its angle at 0 (qiskit-aer issue 2403)."""
    return any(item.operation.name == "cp" and any(map(_is_open, item.operation.params)) for item in made.data)


def _is_open(word: Any) -> bool:
    return bool(getattr(word, "parameters", ()))


def _refuse_spread(made: Any, basis: list[str]) -> None:
    """Hold each angle to one gate: with noise between its gates the energy is no sine wave of it any more."""
    uses: Counter[Any] = Counter()
    for item in made.data:
        for word in item.operation.params:
            uses.update(getattr(word, "parameters", ()))
    if any(number > 1 for number in uses.values()):
        raise InputError(
            f"a gate with an angle becomes several gates with that angle in the noise model's gates {sorted(basis)}, "
            "and gradients would be wrong; write the circuit in these gates first: qiskit.transpile(circuit, "
            "basis_gates=noise_model.basis_gates)"
        )


def _program(made: Any, parameters: Any, settings: Settings) -> Program:
    width = made.num_qubits * (2 if settings.method == "density_matrix" else 1)
    parallel = settings.threads > 1 and width < PARALLEL_ROWS
    return Program(made, parameters, settings.simulator(), parallel, _has_open_phase(made))
