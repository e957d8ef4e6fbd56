"""EmulatorDevice: Quantinuum's emulators on this machine, without an account."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import InputError, JobNotFound, MissingPackage, unknown_name
from hybridq.hardware.calls import Answer
from hybridq.hardware.device import Counts, Limits, Remedy, Run
from hybridq_quantinuum.device import NEEDS, TketDevice, compiler, quantinuum_package
from hybridq_quantinuum.program import counts_of

LOCAL = "LE"
WIDEST = 26  # qubits of a state vector that fits: 1 GiB
KEPT_JOBS = 1000


class EmulatorDevice(TketDevice):
    """A local emulator of Quantinuum's (PECOS), "H1-1LE" or "H2-1LE": native gates on a state vector, without noise.

    Its jobs live and end with this process, and cost nothing.

    Args:
        machine: the machine's name with "LE" behind it.
        optimization_level: see `TketDevice`.

    Raises:
        InputError: there is no such emulator, or an option makes no sense.
        MissingPackage: pytket-quantinuum is not installed with its extra pecos.
    """

    local = True
    _turn = threading.Lock()
    """PECOS has one generator of random numbers for the process: jobs take turns, so that seeds hold."""

    def __init__(self, machine: str = "H1-1LE", *, optimization_level: int = 2) -> None:
        package = quantinuum_package()
        try:
            import pytket_pecos  # noqa: F401
        except ImportError as error:
            raise MissingPackage(NEEDS.format(package="pytket-pecos", error=error)) from error
        offline = package.QuantinuumAPIOffline()
        known = {f"{one['name']}{LOCAL}": one for one in offline.machine_list if one["system_type"] == "hardware"}
        if machine not in known:
            raise unknown_name("local emulator of Quantinuum's", machine, known)
        super().__init__(
            f"quantinuum:{machine}",
            compiler(package, machine, api_handler=offline),
            min(int(known[machine]["n_qubits"]), WIDEST),
            Limits(None, None, same_shots=False),
            optimization_level=optimization_level,
        )
        self._machine, self._offline = machine, offline
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, tuple[Answer[list[Counts]], str]] = OrderedDict()
        self._cancelled: set[str] = set()

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Begin to emulate in a thread.

        Raises:
            InputError: there is no run, or values do not fit a circuit.
        """
        if not runs:
            raise InputError("a job has at least one circuit")
        circuits = [in_sequence(run.program.bound(run.values)) for run in runs]
        widths = [run.program.n_bits for run in runs]
        job_id = uuid.uuid4().hex
        with self._lock:
            self._jobs[job_id] = (Answer(lambda: self._run(job_id, circuits, widths, runs)), tag)
            while len(self._jobs) > KEPT_JOBS:
                self._cancelled.discard(self._jobs.popitem(last=False)[0])
        return job_id

    def find(self, tag: str) -> Sequence[str]:
        """Ids of this process's jobs with this tag, oldest first."""
        with self._lock:
            return [job_id for job_id, (_, known) in self._jobs.items() if known == tag]

    def status(self, job_id: str) -> Status:
        """Where a job stands.

        Raises:
            JobNotFound: it belongs to another process, or is long gone.
        """
        answer = self._known(job_id)
        if job_id in self._cancelled:
            return Status.CANCELLED
        if not answer.wait(0):
            return Status.RUNNING
        try:
            answer.get()
        except Exception:
            return Status.FAILED
        return Status.DONE

    def counts(self, job_id: str) -> Sequence[Counts]:
        """Counts of a job that is done.

        Raises:
            JobNotFound: as for `status`.
            Whatever the emulator raised.
        """
        return self._known(job_id).get()

    def cancel(self, job_id: str) -> None:
        """End it after the circuit that is being run."""
        if self.status(job_id) is Status.RUNNING:
            self._cancelled.add(job_id)

    def failure(self, job_id: str) -> str | None:
        """Why a job failed."""
        try:
            self._known(job_id).get()
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:300]
        return None

    def remedy(self, error: Exception) -> Remedy:
        """Nothing here gets better by itself."""
        return Remedy.GIVE_UP

    def _known(self, job_id: str) -> Answer[list[Counts]]:
        with self._lock:
            if job_id in self._jobs:
                return self._jobs[job_id][0]
        raise JobNotFound(
            f"{self.name} has no job {job_id!r}: its jobs live in the process that made them, and the last {KEPT_JOBS} "
            "are kept"
        )

    def _run(self, job_id: str, circuits: Sequence[Any], widths: Sequence[int], runs: Sequence[Run]) -> list[Counts]:
        found: list[Counts] = []
        for circuit, width, run in zip(circuits, widths, runs, strict=True):
            if job_id in self._cancelled:
                break
            seed = None if run.seed is None else run.seed % 2**31
            # A backend of its own for each circuit, as it keeps all that it ran.
            backend = compiler(quantinuum_package(), self._machine, api_handler=self._offline)
            (handle,) = backend.process_circuits([circuit], n_shots=run.shots, seed=seed)
            with self._turn:
                result = backend.get_result(handle)
            found.append(counts_of(result, width))
        return found


def in_sequence(circuit: Any) -> Any:
    """The circuit with its measurements in the order of their bits.

    On its way into PECOS a circuit's independent parts are put in any order, and each measurement takes a random
    number: without this a seed would not give the same counts again.
    """
    from pytket.circuit import Circuit

    made = Circuit()
    for qubit in circuit.qubits:
        made.add_qubit(qubit)
    for bit in circuit.bits:
        made.add_bit(bit)
    readings = []
    for command in circuit.get_commands():
        if command.op.type.name == "Measure":
            readings.append(command)
        else:
            made.add_gate(command.op, command.args)
    for command in sorted(readings, key=lambda one: one.bits[0].index):
        made.add_barrier(circuit.qubits)
        made.add_gate(command.op, command.args)
    return made
