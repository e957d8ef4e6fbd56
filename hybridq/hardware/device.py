"""Device: what the author of a hardware plugin writes; `DeviceBackend` makes a backend of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.backend import Status

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


class Remedy(enum.Enum):
    """What to do about an error of a vendor's client."""

    RETRY = "retry"  # it was refused for now (too many requests, a server in trouble): the same again, later
    LOOK = "look"  # the vendor may have taken the job, and the answer was lost: look before doing it again
    WAIT = "wait"  # the device is away (maintenance, offline): wait, or stop by the user's choice
    GIVE_UP = "give up"  # the same request will fail again
    ASK = "ask"  # only the user can mend it: credentials, access, a limit of the account


@dataclass(frozen=True)
class Limits:
    """What a vendor takes in one job.

    Attributes:
        circuits: circuits in a job; None for no limit.
        shots: samples of a circuit; None for no limit.
        same_shots: True where all circuits of a job must have the same number of shots.
    """

    circuits: int | None = None
    shots: int | None = None
    same_shots: bool = True


@dataclass(frozen=True)
class Price:
    """What runs cost, as far as it is known before.

    Attributes:
        qpu_seconds: time of the processor, seconds.
        dollars: US dollars; 0 where no price is known.
    """

    qpu_seconds: float = 0.0
    dollars: float = 0.0


@dataclass(frozen=True)
class Compiled:
    """A circuit with its measurements, made ready for a device once.

    Attributes:
        programs: one for each way of measuring, in what form the device likes; parameters are still free. For devices
            that speak Qiskit these are `QuantumCircuit`s on physical qubits, measured into a register "c" of n bits:
            bit q belongs to qubit q of the circuit as it was given.
        qubits: physical qubit that each bit is measured on, one tuple of n for each program; empty where not known.
        facts: what people want to know, such that JSON can hold it: layout, seed, depth, two-qubit gates.
    """

    programs: tuple[Any, ...]
    qubits: tuple[tuple[int, ...], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One program to be run.

    Attributes:
        program: one of `Compiled.programs`, or a folded one.
        values: of the circuit's parameters, in the order of ``QuantumCircuit.parameters`` of the circuit as it was
            given, shape (n_parameters,), radians.
        shots: samples.
        seed: for simulators; hardware takes no notice.
    """

    program: Any
    values: NDArray[np.float64]
    shots: int
    seed: int | None = None


Counts = Mapping[str, int]
"""Times that each text of "0" and "1" was read; qubit 0 is the rightmost character."""


class Device(Protocol):
    """A quantum computer, or what behaves like one.

    Every method but `compile`, `price` and `remedy` may talk to the vendor; `DeviceBackend` calls them with a deadline
    of its own, again where `remedy` allows it, and never `submit` twice for one tag without having looked.
    """

    @property
    def name(self) -> str:
        """Such as "ibm:ibm_torino"."""
        ...

    @property
    def n_qubits(self) -> int:
        """Qubits of the widest circuit."""
        ...

    @property
    def limits(self) -> Limits:
        """What one job may hold."""
        ...

    def compile(
        self, circuit: QuantumCircuit, tails: Sequence[QuantumCircuit], layout: Sequence[int] | None = None
    ) -> Compiled:
        """Make `circuit` followed by each of `tails` and a measurement of all qubits ready, parameters left free.

        Args:
            circuit: on n qubits, without measurements.
            tails: on the same n qubits, without parameters.
            layout: the physical qubit on which each qubit begins (for calibrations of readout); None lets the device
                choose.
        """
        ...

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Hand in one job and return the vendor's id at once; `tag` goes with it where the vendor keeps such."""
        ...

    def find(self, tag: str) -> Sequence[str] | None:
        """Ids of the jobs with this tag, oldest first; None where the vendor cannot be asked that."""
        ...

    def status(self, job_id: str) -> Status:
        """Where a job stands.

        Raises:
            JobNotFound: the vendor knows no such job.
        """
        ...

    def counts(self, job_id: str) -> Sequence[Counts]:
        """Of a job that is done: counts for each run, in order."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask for its end; no error where it has ended."""
        ...

    def price(self, runs: Sequence[Run]) -> Price:
        """What these runs will cost."""
        ...

    def remedy(self, error: Exception) -> Remedy:
        """What to do about an error that one of the methods above let through."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """For the provenance, such that JSON can hold it: versions, calibration; nothing secret."""
        ...
