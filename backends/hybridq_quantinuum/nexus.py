"""NexusDevice: Quantinuum's computers, and the emulators that Quantinuum runs, through Quantinuum Nexus."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.hardware.device import Counts, Limits, Remedy, Run
from hybridq.hardware.remedies import remedy_of
from hybridq_quantinuum.device import TketDevice, compiler, quantinuum_package
from hybridq_quantinuum.program import REGISTER, counts_of
from hybridq_quantinuum.service import NexusError, asked, jobs_named, machine_of, nexus, project_named

STATUSES = {
    "COMPLETED": Status.DONE,
    "QUEUED": Status.QUEUED,
    "SUBMITTED": Status.QUEUED,
    "RUNNING": Status.RUNNING,
    "RETRYING": Status.RUNNING,
    "CANCELLING": Status.CANCELLED,
    "CANCELLED": Status.CANCELLED,
    "ERROR": Status.FAILED,
    "TERMINATED": Status.FAILED,
    "DEPLETED": Status.FAILED,
}
MOST_SHOTS = 10_000  # of a circuit, where the machine says nothing
MOST_CIRCUITS = 100  # in a job; ours, since each is uploaded by itself
ONLINE = ("online", "online, reserved")


class NexusDevice(TketDevice):
    """A machine of Quantinuum's, through Nexus.

    The login is Nexus's own: ``qnx login`` keeps it, and hybridq never sees it but to keep it out of messages. A job's
    name is its tag, by which it is found again. Circuits are uploaded first, which costs nothing, and handed in by one
    request. Helios takes other programs than circuits, and is not among the machines here.

    Args:
        machine: as Nexus names it, such as "H2-1", "H2-1E" (its emulator) or "H2-1SC" (its syntax checker, whose
            results mean nothing).
        project: of Nexus, by name; made with the first job where there is none.
        noisy: whether an emulator has the machine's noise; None leaves it to Nexus (which takes it).
        max_hqc: credits that a circuit may cost, a limit that Quantinuum keeps.
        user_group: the group that pays, where you have several.
        optimization_level, dollars_per_hqc: see `TketDevice`.
        max_circuits: in a job.
        max_shots: of a circuit; None asks the machine.

    Raises:
        InputError: no login, no such machine, or an option that makes no sense.
        BackendError: Nexus does not answer.
        MissingPackage: pytket-quantinuum or qnexus is not installed.
    """

    def __init__(
        self,
        machine: str,
        *,
        project: str = "hybridq",
        noisy: bool | None = None,
        max_hqc: float | None = None,
        user_group: str | None = None,
        optimization_level: int = 2,
        dollars_per_hqc: float | None = None,
        max_circuits: int | None = None,
        max_shots: int | None = None,
    ) -> None:
        if machine.startswith("Helios"):
            raise InputError(
                f"{machine} takes programs of Guppy (HUGR) and no circuits; take a machine of the H series, such as "
                "H2-1 or its emulator H2-1E"
            )
        for label, value in (("max_circuits", max_circuits), ("max_shots", max_shots), ("max_hqc", max_hqc)):
            if value is not None and (isinstance(value, bool) or not value > 0):
                raise InputError(f"{label} must be positive, got {value!r}")
        if not project:
            raise InputError("project is the name of a project of Nexus, got an empty one")
        package, self._client = quantinuum_package(), nexus()
        info = machine_of(self._client, machine)
        from pytket.extensions.quantinuum.backends.data import QuantinuumBackendData

        data = QuantinuumBackendData(int(info.n_nodes), int(info.n_cl_reg or 1), frozenset(info.gate_set))
        most = max_shots or int(info.misc.get("max_n_shots") or info.misc.get("n_shots") or MOST_SHOTS)
        super().__init__(
            f"quantinuum:{machine}",
            compiler(package, machine, data=data),
            int(info.n_nodes),
            Limits(max_circuits or MOST_CIRCUITS, most, same_shots=False),
            optimization_level=optimization_level,
            dollars_per_hqc=dollars_per_hqc,
        )
        self._machine, self._project_name, self._noisy = machine, project, noisy
        self._max_hqc, self._user_group = max_hqc, user_group
        self._project: Any = None

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on."""
        return {**super().options, **({} if self._noisy is None else {"noisy": self._noisy})}

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Upload the circuits, hand in one job named by its tag, and return its id.

        Raises:
            InputError: there is no run, or values do not fit a circuit.
            NexusError: Nexus refused, or does not answer.
        """
        if not runs:
            raise InputError("a job has at least one circuit")
        circuits = [run.program.bound(run.values) for run in runs]
        project = self._found_project(make=True)
        references = []
        for k, circuit in enumerate(circuits):
            words = {"circuit": circuit, "project": project, "name": f"{tag}-{k}"}
            references.append(asked(lambda words=words: self._client.circuits.upload(**words)))  # type: ignore[misc]
        job = asked(
            lambda: self._client.start_execute_job(
                programs=references,
                n_shots=[run.shots for run in runs],
                backend_config=self._config(),
                name=tag,
                project=project,
                user_group=self._user_group,
                **({} if self._max_hqc is None else {"max_cost": float(self._max_hqc)}),
            )
        )
        return str(job.id)

    def find(self, tag: str) -> Sequence[str]:
        """Ids of the project's jobs with this tag, oldest first.

        Raises:
            NexusError: Nexus failed.
        """
        project = self._found_project(make=False)
        return [] if project is None else jobs_named(self._client, project, tag)

    def status(self, job_id: str) -> Status:
        """Where a job stands.

        Raises:
            JobNotFound: Nexus knows no such job.
            NexusError: it failed.
        """
        return STATUSES[self._job(job_id).last_status.value]

    def counts(self, job_id: str) -> Sequence[Counts]:
        """Counts of a job that is done, one for each circuit, in the order in which they were handed in.

        Raises:
            JobNotFound, NexusError: as for `status`.
            BackendError: results are missing.
        """
        job = self._job(job_id)
        items = asked(lambda: self._client.jobs.results(job, allow_incomplete=True))
        found: dict[int, Counts] = {}
        for item in items:
            if type(item).__name__ != "ExecutionResultRef":
                raise BackendError(f"{self.name}: job {job_id} is done, and has no result for one of its circuits")
            result = asked(item.download_result)
            name = str(asked(item.get_input).annotations.name)
            bits = [bit for bit in result.c_bits if bit.reg_name == REGISTER]
            found[int(name.rpartition("-")[2])] = counts_of(result, len(bits))
        if sorted(found) != list(range(len(found))):
            raise BackendError(f"{self.name}: job {job_id} has results of circuits {sorted(found)}")
        return [found[k] for k in range(len(found))]

    def cancel(self, job_id: str) -> None:
        """Ask for its end; no error where it has ended."""
        job = self._job(job_id)
        if STATUSES[job.last_status.value] in (Status.QUEUED, Status.RUNNING):
            asked(lambda: self._client.jobs.cancel(job))

    def failure(self, job_id: str) -> str | None:
        """Why a job failed, as Nexus says."""
        job = self._job(job_id)
        told = job.last_status_detail.error_detail or job.last_message
        kind = job.last_status.value
        return f"{kind}: {' '.join(str(told).split())}"[:300] if told or kind == "DEPLETED" else None

    def waiting(self, job_id: str) -> str | None:
        """How many jobs are before it; None where Nexus says nothing."""
        position = self._job(job_id).last_status_detail.queue_position
        return None if position is None else f"{position} jobs ahead"

    def away(self) -> str | None:
        """Why the machine runs nothing now; None where it does, or where that cannot be asked."""
        if not self._machine[-1].isdigit():  # emulators and syntax checkers
            return None
        try:
            state = str(asked(lambda: self._client.devices.status(self._config())).value)
        except NexusError:
            return None
        return None if state in ONLINE else state

    def remedy(self, error: Exception) -> Remedy:
        """By HTTP status, or by where the connection broke."""
        return error.remedy if isinstance(error, NexusError) else remedy_of(error)

    def _config(self) -> Any:
        """The machine, for Nexus, which is to run circuits as they are."""
        words: dict[str, Any] = {} if self._noisy is None else {"noisy_simulation": self._noisy}
        return self._client.QuantinuumConfig(device_name=self._machine, no_opt=True, **words)

    def _found_project(self, *, make: bool) -> Any:
        if self._project is None:
            self._project = project_named(self._client, self._project_name, make=make)
        return self._project

    def _job(self, job_id: str) -> Any:
        try:
            uuid.UUID(job_id)
            return asked(lambda: self._client.jobs.get(id=job_id))
        except ValueError:
            pass
        except NexusError as error:
            if error.kind != "ZeroMatches":
                raise
        raise JobNotFound(f"{self.name} knows no job {job_id[:60]!r}; it may belong to another account") from None
