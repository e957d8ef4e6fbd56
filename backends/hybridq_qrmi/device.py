"""QRMIDevice: a quantum processor that a batch job was given, as a device."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.hardware.device import Counts, Limits, Price, Remedy, Run
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq.hardware.readings import status_from
from hybridq.hardware.remedies import remedy_of
from hybridq.hardware.transpile import bound
from hybridq_qrmi.resources import QRMIError, Resource, backend_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

REGISTER = "c"
REPETITION = 250e-6  # seconds between shots where the device says nothing: IBM's usual default
OVERHEAD = 2.0  # seconds of the processor for a job besides its shots
MOST_CIRCUITS, MOST_SHOTS = 1000, 100_000
DECOUPLINGS = ("XX", "XpXm", "XY4")


class QRMIDevice(QiskitDevice):
    """A quantum processor of IBM's kind that the batch system lends, through QRMI's calls of tasks.

    All that is secret is in the job's environment, set by the site and read by QRMI. (QRMI's own primitives are not
    used: they cancel a job when its Python object goes.) QRMI keeps no tags, so that a job whose id was lost on its way
    cannot be found again: the run then stops and says so, and hands nothing in twice.

    Args:
        resource: its name in ``QRMI_JOB_QPU_RESOURCES``; "" for the only one there.
        dynamical_decoupling: a sequence, "XX", "XpXm" or "XY4"; None for none.
        twirling: average over Pauli twirled gates and readings.
        dollars_per_second: price of the processor's time, US dollars.
        seed, optimization_level, tries, max_circuits, max_shots: as for `QiskitDevice`.

    Raises:
        InputError: this is no batch job with such a resource, or an option makes no sense.
        BackendError: the resource does not answer.
        MissingPackage: QRMI is not installed.
    """

    def __init__(
        self,
        resource: str = "",
        *,
        dynamical_decoupling: str | None = None,
        twirling: bool = False,
        dollars_per_second: float = 0.0,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
        max_circuits: int | None = None,
        max_shots: int | None = None,
    ) -> None:
        if dynamical_decoupling not in (None, *DECOUPLINGS):
            raise InputError(f"dynamical_decoupling is {', '.join(DECOUPLINGS)} or None, got {dynamical_decoupling!r}")
        if not (np.isfinite(dollars_per_second) and dollars_per_second >= 0):
            raise InputError(f"dollars_per_second is a price and not negative, got {dollars_per_second!r}")
        self._resource = Resource(resource)
        made = backend_of(self._resource)
        super().__init__(
            made,
            name=f"qrmi:{self._resource.name}",
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            max_circuits=max_circuits or MOST_CIRCUITS,
            max_shots=max_shots or getattr(made, "max_shots", None) or MOST_SHOTS,
        )
        # Imported here: Qiskit 2.6 crashes where a thread that has ended was the first to import a part of it.
        self._decode = _decoder()
        self._decoupling, self._twirling = dynamical_decoupling, twirling
        self._dollars_per_second = float(dollars_per_second)

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on."""
        return {**super().options, "dynamical_decoupling": self._decoupling, "twirling": self._twirling}

    @property
    def limits(self) -> Limits:
        """What one job may hold; each circuit has shots of its own."""
        return replace(super().limits, same_shots=False)

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Hand in one job and return its id; the tag stays in this process.

        Raises:
            InputError: there is no run, or values do not fit a circuit.
            QRMIError: the service refused, or does not answer.
        """
        if not runs:
            raise InputError("a job has at least one circuit")
        options: dict[str, Any] = {}
        if self._decoupling is not None:
            options["dynamical_decoupling"] = {"enable": True, "sequence_type": self._decoupling}
        if self._twirling:
            options["twirling"] = {"enable_gates": True, "enable_measure": True}
        pubs = [[on_physical_qubits(bound(run.program, run.values)), None, run.shots] for run in runs]
        given = {"pubs": pubs, "shots": runs[0].shots, "options": options, "version": 2, "support_qiskit": True}
        payload = self._resource.payload(json.dumps(given))
        job_id = str(self._resource.ask(lambda one: one.task_start(payload)))
        self._keep(job_id, None, tag, ())
        return job_id

    def status(self, job_id: str) -> Status:
        """Where a job stands.

        Raises:
            JobNotFound: the service knows no such job.
            QRMIError: it does not answer.
        """
        found = self._about(job_id, lambda one: one.task_status(job_id))
        return status_from(str(found).rpartition(".")[2])

    def counts(self, job_id: str) -> Sequence[Counts]:
        """Counts of a job that is done, one for each circuit.

        Raises:
            JobNotFound: the service knows no such job.
            QRMIError: it does not answer.
            BackendError: the result is malformed.
        """
        text = self._about(job_id, lambda one: one.task_result(job_id).value)
        try:
            return [dict(pub.data[REGISTER].get_counts()) for pub in self._decode(text)]
        except Exception as error:
            raise BackendError(
                f"{self.name}: the result of job {job_id} is malformed ({type(error).__name__}); resume to fetch it "
                "again, and tell your site if this goes on"
            ) from None

    def cancel(self, job_id: str) -> None:
        """Ask for its end; no error where it has ended."""
        if self.status(job_id) in (Status.QUEUED, Status.RUNNING):
            self._about(job_id, lambda one: one.task_stop(job_id))

    def failure(self, job_id: str) -> str | None:
        """The end of a job's log."""
        told = " ".join(str(self._about(job_id, lambda one: one.task_logs(job_id))).split())
        return told[-300:] or None

    def away(self) -> str | None:
        """Why the processor runs nothing now; None where it does, or where QRMI cannot read what is said of it."""
        try:
            found = self._resource.ask(lambda one: one.status())
        except QRMIError:
            return None
        word = str(found.status).rpartition(".")[2].lower()
        return None if word == "online" else f"{word}: {found.status_reason or 'no reason given'}"

    def price(self, runs: Sequence[Run]) -> Price:
        """Seconds: shots times the circuit's duration and the device's pause between shots, and 2 s for the job."""
        pause = getattr(self.backend, "default_rep_delay", None) or REPETITION
        seconds = OVERHEAD + sum(run.shots * (self._duration(run.program) + pause) for run in runs)
        return Price(seconds, self._dollars_per_second * seconds)

    def facts(self) -> Mapping[str, Any]:
        """Versions."""
        import importlib.metadata

        return {**super().facts(), "client": f"qrmi {importlib.metadata.version('qrmi')}"}

    def _about(self, job_id: str, call: Callable[[Any], Any]) -> Any:
        try:
            return self._resource.ask(call)
        except QRMIError as error:
            if error.kind != "TaskNotFoundError":
                raise
        raise JobNotFound(f"{self.name} knows no job {job_id[:60]!r}; it may belong to another account")

    def _remedy(self, error: Exception) -> Remedy:
        return error.remedy if isinstance(error, QRMIError) else remedy_of(error)


def on_physical_qubits(circuit: QuantumCircuit) -> str:
    """OpenQASM 3 in which qubit k of the device is ``$k``."""
    from qiskit import qasm3
    from qiskit.transpiler import Layout, TranspileLayout

    placed = circuit.copy()
    if placed.layout is None:  # it is on physical qubits, and has forgotten it
        qubits = {qubit: k for k, qubit in enumerate(placed.qubits)}
        placed._layout = TranspileLayout(Layout(qubits), qubits)
    return str(qasm3.dumps(placed, disable_constants=True, allow_aliasing=True))


def _decoder() -> Any:
    """What reads the text of a result."""
    try:
        from qiskit_ibm_runtime.decoders.result_decoder import ResultDecoder
    except ImportError:
        from qiskit_ibm_runtime.utils.result_decoder import ResultDecoder
    return ResultDecoder.decode
