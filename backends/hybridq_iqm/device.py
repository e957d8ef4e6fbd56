"""IQMDevice: a computer of IQM's client as a device."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import JobNotFound
from hybridq.hardware.device import Remedy
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq.hardware.remedies import remedy_of
from hybridq_iqm.computers import FAKE, computer_of

REMEDIES = {
    "RateLimitError": Remedy.RETRY,
    "AuthenticationError": Remedy.ASK,
    "ForbiddenError": Remedy.ASK,
    "ClientAuthenticationError": Remedy.ASK,
    "ClientConfigurationError": Remedy.ASK,
    "InternalSystemError": Remedy.LOOK,
    "BadGatewayError": Remedy.LOOK,
    "SystemUnavailableError": Remedy.LOOK,
}
"""By the classes of IQM's client, which has one for each HTTP status and does not keep the status."""


class IQMDevice(QiskitDevice):
    """A computer of IQM's.

    Computers that move states through a resonator (Deneb) get their moves after the parameters are bound, all at once,
    which takes fewer of them. IQM cannot be asked for jobs by tag.

    Args:
        computer: "fake_adonis", "fake_garnet", ..., which simulate here; or the alias of a computer on the server,
            such as "garnet".
        url: of the server; None takes the environment variable IQM_SERVER_URL. IQM's client finds the token in
            IQM_TOKEN or IQM_TOKENS_FILE.
        seed, optimization_level, tries: see `hybridq.hardware.transpile.compile_for`.
        max_circuits, max_shots: of a job; None is no limit.
        dollars_per_shot, dollars_per_task: prices.

    Raises:
        InputError: no such computer, no credentials, or an option that makes no sense.
        BackendError: the server does not answer.
        MissingPackage: iqm-client is not installed.
    """

    def __init__(
        self,
        computer: str = "fake_adonis",
        *,
        url: str | None = None,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
        max_circuits: int | None = None,
        max_shots: int | None = None,
        dollars_per_shot: float = 0.0,
        dollars_per_task: float = 0.0,
    ) -> None:
        backend = computer_of(computer, url)
        super().__init__(
            backend,
            name=f"iqm:{computer}",
            parametric=not backend.architecture.computational_resonators,
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            max_circuits=max_circuits,
            max_shots=max_shots,
            dollars_per_shot=dollars_per_shot,
            dollars_per_task=dollars_per_task,
            local=computer.startswith(FAKE),
        )

    def status(self, job_id: str) -> Status:
        """Where a job stands.

        Raises:
            JobNotFound: IQM knows no such job.
        """
        try:
            return super().status(job_id)
        except Exception as error:
            if type(error).__name__ == "NotFoundError":
                raise JobNotFound(f"{self.name} knows no job {job_id!r}; it may belong to another account") from None
            raise

    def facts(self) -> Mapping[str, Any]:
        """Versions, and the calibration."""
        return {**super().facts(), "calibration_set": str(self.backend.architecture.calibration_set_id)}

    def _job(self, job_id: str) -> Any:
        if self.local:
            return super()._job(job_id)
        try:
            uuid.UUID(job_id)
        except ValueError:
            raise JobNotFound(f"{self.name}: {job_id[:60]!r} is no id of a job of IQM's") from None
        return self.backend.retrieve_job(job_id)

    def _remedy(self, error: Exception) -> Remedy:
        for base in type(error).__mro__:
            if base.__name__ in REMEDIES:
                return REMEDIES[base.__name__]
        return remedy_of(error)
