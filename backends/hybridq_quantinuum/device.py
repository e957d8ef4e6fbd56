"""TketDevice: what Quantinuum's machines and their emulators have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.contract.errors import CapacityError, InputError, MissingPackage
from hybridq.hardware.device import Compiled, Limits, Price, Run
from hybridq_quantinuum.compiling import LEVELS, compile_with
from hybridq_quantinuum.program import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

NEEDS = (
    "Quantinuum's devices need {package}, which cannot be imported ({error}); install hybridq-sdk with its extra "
    "quantinuum (pip install 'hybridq-sdk[quantinuum]'), here or in an environment of its own that is used from here "
    "as the backend host:quantinuum"
)


class TketDevice:
    """A device that tket compiles for; see `EmulatorDevice` and `NexusDevice` for those that run something.

    Args:
        name: such as "quantinuum:H1-1LE".
        backend: pytket-quantinuum's, for compiling.
        n_qubits: of the widest circuit.
        limits: what one job may hold.
        optimization_level: 0, 1 or 2; see `compile_with`.
        dollars_per_hqc: price of Quantinuum's credit, US dollars; None where none is known.

    Raises:
        InputError: an option makes no sense.
    """

    local = False

    def __init__(
        self,
        name: str,
        backend: Any,
        n_qubits: int,
        limits: Limits,
        *,
        optimization_level: int,
        dollars_per_hqc: float | None = None,
    ) -> None:
        if optimization_level not in LEVELS or isinstance(optimization_level, bool):
            raise InputError(f"optimization_level is 0, 1 or 2, got {optimization_level!r}")
        price = dollars_per_hqc
        if price is not None and not (isinstance(price, int | float) and np.isfinite(price) and price >= 0):
            raise InputError(f"dollars_per_hqc is a price in US dollars and not negative, got {price!r}")
        self._name, self._backend, self._n_qubits, self._limits = name, backend, n_qubits, limits
        self._optimization_level = optimization_level
        self._dollars_per_hqc = float(price or 0.0)

    @property
    def name(self) -> str:
        """Such as "quantinuum:H1-1LE"."""
        return self._name

    @property
    def n_qubits(self) -> int:
        """Qubits of the widest circuit."""
        return self._n_qubits

    @property
    def limits(self) -> Limits:
        """What one job may hold."""
        return self._limits

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on."""
        return {"optimization_level": self._optimization_level}

    def compile(
        self, circuit: QuantumCircuit, tails: Sequence[QuantumCircuit], layout: Sequence[int] | None = None
    ) -> Compiled:
        """Compile once by tket, parameters left free; see `compile_with`.

        All qubits are alike and move during the circuit, so that a layout means nothing here.

        Raises:
            CapacityError: too many qubits.
            InputError: the circuit cannot be written in gates.
        """
        if circuit.num_qubits > self._n_qubits:
            raise CapacityError(
                f"the circuit has {circuit.num_qubits} qubits and {self._name} {self._n_qubits}; take a smaller active "
                "space or a larger device"
            )
        return compile_with(self._backend, self._n_qubits, circuit, tails, optimization_level=self._optimization_level)

    def fold(self, program: Program, factor: int) -> Program:
        """A program with its two-qubit gates folded; see `Program.folded`.

        Raises:
            InputError: the factor is even or not positive.
        """
        return program.folded(factor)

    def show(self, program: Program) -> str:
        """A program as text, for people."""
        return repr(program)

    def hqc(self, runs: Sequence[Run]) -> float:
        """Quantinuum's credits (HQC) for some runs, by the published formula; see `Program.hqc`."""
        return float(sum(run.program.hqc(run.shots) for run in runs))

    def price(self, runs: Sequence[Run]) -> Price:
        """Dollars by `hqc`; no time, since Quantinuum charges and tells none."""
        return Price(0.0, self._dollars_per_hqc * self.hqc(runs) if self._dollars_per_hqc else 0.0)

    def facts(self) -> Mapping[str, Any]:
        """Versions."""
        import importlib.metadata

        names = ("pytket", "pytket-quantinuum", "qnexus", "pytket-pecos", "qiskit")
        found: dict[str, str] = {}
        for name in names:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return {"device": self._name, **found}


def quantinuum_package() -> Any:
    """pytket-quantinuum.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        import pytket.extensions.quantinuum as package
    except ImportError as error:
        raise MissingPackage(NEEDS.format(package="pytket-quantinuum", error=error)) from error
    return package


def compiler(package: Any, name: str, **words: Any) -> Any:
    """A backend of pytket-quantinuum's that keeps the names of qubits, for compiling.

    Its passes may swap qubits by renaming them, which costs nothing on ions.
    """
    config = package.QuantinuumBackendCompilationConfig(allow_implicit_swaps=True, preserve_qubit_names=True)
    return package.QuantinuumBackend(name, compilation_config=config, **words)
