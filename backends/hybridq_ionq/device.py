"""IonQDevice: IonQ's computers and simulators by qiskit-ionq."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hybridq.contract.backend import Status
from hybridq.contract.errors import InputError, JobNotFound
from hybridq.hardware import Counts, Remedy
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq.hardware.readings import counts_from
from hybridq_ionq.client import ServiceError, asked, backend_of, jobs_named, provider_from_environment, quick

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

T = TypeVar("T")
LEFT_OUT = ("PauliEvolution", "mcx", "mcphase")
"""What the service would synthesize itself: gates are ours, so that they can be counted and folded."""


class IonQDevice(QiskitDevice):
    """A backend of IonQ's.

    The key and the address come from the environment, as IonQ's client reads them: ``IONQ_API_KEY``, ``IONQ_API_URL``.
    A job's name is its tag, by which it is found again. IonQ gives probabilities. Of a computer they are whole numbers
    of shots; of the ideal simulator they are exact, and its client draws the shots, with no seed.

    Args:
        backend: the service's own name, such as "simulator" or "qpu.forte-1".
        gateset: "qis" for standard gates, which the service compiles, or "native".
        noise_model: of the simulator, such as "aria-1"; None for an ideal one.
        debiasing: whether a computer's results are debiased by the service; None leaves it to the service.
        provider: an `IonQProvider`; None makes one from the environment.
        name, seed, optimization_level, tries, max_circuits, max_shots, dollars_per_shot, dollars_per_task: as for
            `QiskitDevice`.

    Raises:
        InputError: no key, an unknown backend, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-ionq is not installed.
    """

    def __init__(
        self,
        backend: str = "simulator",
        *,
        gateset: str = "qis",
        noise_model: str | None = None,
        debiasing: bool | None = None,
        provider: Any = None,
        name: str | None = None,
        seed: int = 0,
        optimization_level: int = 1,
        tries: int = 1,
        max_circuits: int | None = None,
        max_shots: int | None = None,
        dollars_per_shot: float = 0.0,
        dollars_per_task: float = 0.0,
    ) -> None:
        if gateset not in ("qis", "native"):
            raise InputError(f'gateset is "qis" or "native", got {gateset!r}')
        simulator = backend == "simulator"
        if noise_model is not None and not simulator:
            raise InputError(f"noise_model is for the simulator, got backend {backend!r}")
        made = backend_of(provider or provider_from_environment(), backend, gateset, noise_model)
        most = max_shots or (None if simulator else getattr(made, "_max_shots", None))
        super().__init__(
            made,
            name=name or f"ionq:{backend}",
            parametric=gateset == "qis",
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            max_circuits=max_circuits,
            max_shots=most,
            dollars_per_shot=dollars_per_shot,
            dollars_per_task=dollars_per_task,
        )
        self._client = quick(made)
        self._api_name = backend
        self._told: dict[str, Any] = {"gateset": gateset}
        if noise_model is not None:
            self._told["noise_model"] = noise_model
        if debiasing is not None:
            self._told["debiasing"] = debiasing
        self._debiasing = debiasing

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on."""
        return {**super().options, **self._told}

    def submit(self, runs: Any, tag: str) -> str:
        """Hand in one job, named by its tag.

        Raises:
            InputError: runs differ in shots.
            ServiceError: the service refused, or does not answer.
        """
        return self._asked(lambda: super(IonQDevice, self).submit(runs, tag))

    def find(self, tag: str) -> Sequence[str] | None:
        """Ids of the jobs with this tag, oldest first.

        Raises:
            ServiceError: the service does not answer.
        """
        return jobs_named(self._client, tag, self._api_name)

    def status(self, job_id: str) -> Status:
        """Where a job stands.

        Raises:
            JobNotFound: the service knows no such job.
            ServiceError: it does not answer.
        """
        from qiskit_ionq.exceptions import IonQJobFailureError

        def look() -> Status:
            try:
                return super(IonQDevice, self).status(job_id)
            except IonQJobFailureError:  # what it says may be anything: see `failure`
                return Status.FAILED

        return self._about(job_id, look)

    def counts(self, job_id: str) -> Sequence[Counts]:
        """Counts of a job that is done.

        Raises:
            JobNotFound, BackendError, ServiceError: as for `status`.
        """
        return self._about(job_id, lambda: super(IonQDevice, self).counts(job_id))

    def cancel(self, job_id: str) -> None:
        """Ask for its end."""
        if self.status(job_id) in (Status.QUEUED, Status.RUNNING):
            self._asked(lambda: self._client.cancel_job(job_id))

    def failure(self, job_id: str) -> str | None:
        """Why a job failed, as the service says."""
        answer = self._asked(lambda: self._client.retrieve_job(job_id))
        found = answer.get("failure") or {}
        told = f"{found.get('code', '')}: {found.get('error', found.get('message', ''))}"
        return told[:300] if found else None

    def _target(self) -> Target:
        from qiskit.transpiler import Target

        whole = self.backend.target
        kept = Target(num_qubits=whole.num_qubits)
        for name in whole.operation_names:
            if name not in LEFT_OUT:
                kept.add_instruction(whole.operation_from_name(name), name=name)
        return kept

    def _submit(self, circuits: list[QuantumCircuit], shots: int, seed: int | None, tag: str) -> Any:
        words: dict[str, Any] = {"name": tag}
        if self._debiasing is not None:
            words["job_settings"] = {"error_mitigation": {"debiasing": self._debiasing}}
        return self.backend.run(circuits, shots=shots, **words)

    def _job(self, job_id: str) -> Any:
        return self.backend.retrieve_job(job_id)

    def _counts(self, job: Any, n_bits: Sequence[int] | None) -> list[Counts]:
        result = job.result(timeout=60, wait=1)
        found: list[Counts] = []
        for k, entry in enumerate(result.results):
            counts = counts_from(result.data(k)["counts"], n_bits[k] if n_bits else None)
            weights = counts_from_weights(result.data(k).get("probabilities", {}), counts)
            found.append(rounded(counts, weights, int(entry.shots)))
        return found

    def _asked(self, call: Callable[[], T]) -> T:
        return asked(self._client, call)

    def _about(self, job_id: str, call: Callable[[], T]) -> T:
        """What a call says of a job."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._asked(call)
        except ServiceError as error:
            if error.status_code != 404:
                raise
        raise JobNotFound(f"{self.name} knows no job {job_id!r}; it may belong to another account")

    def _remedy(self, error: Exception) -> Remedy:
        return error.remedy if isinstance(error, ServiceError) else super()._remedy(error)


def counts_from_weights(weights: Mapping[str, float], counts: Counts) -> dict[str, float]:
    """Probabilities by the keys of counts."""
    width = len(next(iter(counts), ""))
    return {str(key).replace(" ", "").zfill(width): float(value) for key, value in weights.items()}


def rounded(counts: Counts, weights: Mapping[str, float], shots: int) -> dict[str, int]:
    """Counts of at most `shots`: what rounding added on top is taken away where it added most."""
    kept = dict(counts)
    most = sorted(kept, key=lambda key: kept[key] - shots * weights.get(key, 0.0), reverse=True)
    for key in most[: max(sum(kept.values()) - shots, 0)]:
        kept[key] -= 1
    return {key: number for key, number in kept.items() if number}
