"""AQTDevice: a resource of AQT's client as a device."""

from __future__ import annotations

import contextlib
from typing import Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, JobNotFound
from hybridq.hardware.device import Remedy
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq.hardware.remedies import remedy_of, status_of
from hybridq_aqt.direct import ListenedJob
from hybridq_aqt.resources import DIRECT, OFFLINE, resource_of

BROKEN_OFF = ("RemoteProtocolError", "ReadError", "WriteError", "CloseError")
"""Errors of httpx after which the server may have acted."""


class AQTDevice(QiskitDevice):
    """A resource of AQT's.

    Circuits are made native after their parameters are bound, as AQT's angles have ranges. What is handed in is kept
    by AQT's client (its `FileJobStore`), so that a later process finds it; AQT cannot be asked for jobs by tag.

    Args:
        resource: "offline_simulator_no_noise" or "offline_simulator_noise", which simulate here; "direct" for a
            computer with direct access; "WORKSPACE/RESOURCE" for AQT's cloud, where you are logged in.
        url: of the computer with direct access; None takes the environment variable AQT_DIRECT_URL. Its token is in
            AQT_TOKEN.
        seed, optimization_level, tries: see `hybridq.hardware.transpile.compile_for`.
        max_circuits, max_shots: of a job; None takes AQT's.
        dollars_per_shot, dollars_per_task: prices.

    Raises:
        InputError: no such resource, no credentials, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-aqt-provider is not installed.
    """

    def __init__(
        self,
        resource: str = "offline_simulator_no_noise",
        *,
        url: str | None = None,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 1,
        max_circuits: int | None = None,
        max_shots: int | None = None,
        dollars_per_shot: float = 0.0,
        dollars_per_task: float = 0.0,
    ) -> None:
        self._direct = resource == DIRECT
        backend = resource_of(resource, url)
        super().__init__(
            backend,
            name=f"aqt:{resource}",
            parametric=False,
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            # Of several circuits, AQT's client hands in one when it is asked for the result of the one before.
            max_circuits=1 if self._direct else max_circuits,
            max_shots=max_shots or getattr(backend, "MAX_SHOTS", None),
            dollars_per_shot=dollars_per_shot,
            dollars_per_task=dollars_per_task,
            local=resource in OFFLINE,
        )

    def status(self, job_id: str) -> Status:
        """Where a job stands; on direct access, after a moment's waiting for its result.

        Raises:
            JobNotFound: AQT does not know it, or this machine does not.
        """
        try:
            return super().status(job_id)
        except Exception as error:
            if _is_missing(error):
                raise JobNotFound(f"{self.name} knows no job {job_id!r}; it may belong to another account") from None
            raise

    def cancel(self, job_id: str) -> None:
        """Nothing for a simulator, whose jobs end soon.

        Raises:
            BackendError: the job is not done; AQT's client cannot end it.
        """
        if not self.local and self.status(job_id) in (Status.QUEUED, Status.RUNNING):
            raise BackendError(f"{self.name}: AQT's client cannot cancel; job {job_id} goes on there")

    def _submit(self, circuits: list[Any], shots: int, seed: int | None, tag: str) -> Any:
        if self.local:
            return self.backend.run(circuits, shots=shots, seed_simulator=seed)
        from qiskit_aqt_provider.exceptions import AQTJobPersistenceError

        job = self.backend.run(circuits[0] if self._direct else circuits, shots=shots)
        with contextlib.suppress(AQTJobPersistenceError, OSError):  # it is taken: this process can do without
            job.persist()
        return ListenedJob(job) if self._direct else job

    def _job(self, job_id: str) -> Any:
        from qiskit_aqt_provider.exceptions import AQTJobPersistenceError

        if self.local:
            return super()._job(job_id)
        try:
            job = self.backend.restore_job(job_id)
        except AQTJobPersistenceError as error:
            raise JobNotFound(
                f"{self.name}: job {job_id!r} cannot be restored ({error}); AQT's client keeps jobs on the machine and "
                "for the user that submitted them"
            ) from None
        return ListenedJob(job) if self._direct else job

    def _remedy(self, error: Exception) -> Remedy:
        found = remedy_of(error)
        if found is not Remedy.GIVE_UP:
            return found
        link: BaseException | None = error
        while link is not None:
            if type(link).__name__ in BROKEN_OFF:
                return Remedy.LOOK
            if type(link).__name__ == "AQTCredentialsError":
                return Remedy.ASK
            link = link.__cause__ or link.__context__
        return found


def _is_missing(error: BaseException) -> bool:
    """Whether AQT answered that it knows no such job."""
    link: BaseException | None = error
    while link is not None:
        if status_of(link) == 404 or type(link).__name__ == "JobNotFoundError":
            return True
        link = link.__cause__ or link.__context__
    return False
