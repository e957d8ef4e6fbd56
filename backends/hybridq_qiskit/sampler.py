"""SamplerDevice: any Qiskit `BaseSamplerV2` as a device, each circuit with its own shots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.hardware import Counts, DeviceBackend, Limits, Run
from hybridq.hardware.dividing import divided
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq.hardware.readings import counts_from
from hybridq.hardware.transpile import in_order

if TYPE_CHECKING:
    from qiskit.transpiler import Target

SIMULATED = 24  # qubits, for a sampler without a target
GATES = ("h", "rx", "ry", "rz", "s", "sdg", "sx", "x", "cx", "rzz", "measure")


class SamplerDevice(QiskitDevice):
    """A device made of a sampler: parameters go with the circuits, and are bound where those are run.

    The seeds of tasks have no effect; a sampler has its own.

    Args:
        sampler: a `BaseSamplerV2`.
        target: what circuits are transpiled for, a `Target` or `BackendV2`; None takes the sampler's backend, and
            without one standard gates that connect all qubits.
        same_shots: True for samplers that want the same number of shots for all circuits of a job.
        retrieve: finds a job of another process by its id; without it jobs are known in this process alone.
        name, seed, optimization_level, tries, max_circuits, max_shots, dollars_per_shot, dollars_per_task, local: as
            for `QiskitDevice`.

    Raises:
        InputError: it is no sampler, or an option makes no sense.
    """

    def __init__(
        self,
        sampler: Any,
        *,
        target: Any = None,
        same_shots: bool = False,
        retrieve: Callable[[str], Any] | None = None,
        name: str | None = None,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
        max_circuits: int | None = None,
        max_shots: int | None = None,
        dollars_per_shot: float = 0.0,
        dollars_per_task: float = 0.0,
        local: bool = False,
    ) -> None:
        from qiskit.primitives import BaseSamplerV2

        if not isinstance(sampler, BaseSamplerV2):
            raise InputError(f"a Qiskit BaseSamplerV2 is needed, got {type(sampler).__name__}")
        super().__init__(
            target if target is not None else target_behind(sampler),
            name=name or f"qiskit:{type(sampler).__name__}",
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            max_circuits=max_circuits,
            max_shots=max_shots,
            dollars_per_shot=dollars_per_shot,
            dollars_per_task=dollars_per_task,
            local=local,
        )
        self.sampler = sampler
        self._retrieve = retrieve
        self._limits = Limits(self._limits.circuits, self._limits.shots, same_shots)

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Hand in one job: for each run a circuit, its parameters and its shots.

        Raises:
            InputError: there is no run.
            Whatever the sampler raises.
        """
        if not runs:
            raise InputError("a job has at least one circuit")
        pubs = []
        for run in runs:
            circuit = run.program.copy()
            circuit.metadata = {}
            pubs.append((circuit, in_order(run.program, run.values), run.shots))
        job = self.sampler.run(pubs)
        job_id = str(job.job_id())
        self._keep(job_id, job, tag, tuple(run.program.num_clbits for run in runs))
        return job_id

    def _job(self, job_id: str) -> Any:
        if self._retrieve is None:
            raise JobNotFound(
                f"{self.name} has no job {job_id!r}: a sampler's jobs are known in the process that submitted them; "
                "give retrieve= (for a service, what finds a job by its id) to find them from others"
            )
        return self._retrieve(job_id)

    def _counts(self, job: Any, n_bits: Sequence[int] | None) -> list[Counts]:
        found: list[Counts] = []
        for result in job.result():
            bits = getattr(result.data, "c", None)
            if bits is None:
                raise BackendError(f"{self.name}: the sampler's result has no register 'c', in which all was measured")
            found.append(counts_from(bits.get_counts(), bits.num_bits))
        return found


class QiskitSamplerBackend(DeviceBackend):
    """Energies and counts by any Qiskit `BaseSamplerV2`.

    Args:
        sampler: the sampler.
        **options: those of `SamplerDevice` and of `DeviceBackend`.

    Raises:
        InputError: it is no sampler, or an option makes no sense.
    """

    def __init__(self, sampler: Any, **options: Any) -> None:
        for_device, for_backend = divided("QiskitSamplerBackend", SamplerDevice, options)
        if for_device.get("local", False):
            for_backend.setdefault("resubmit_lost", True)
            for_backend.setdefault("patience", {"poll_seconds": 0.02, "longest_poll": 1.0})
        super().__init__(SamplerDevice(sampler, **for_device), **for_backend)


def target_behind(primitive: Any) -> Any:
    """The backend of a primitive; standard gates where it has none."""
    for name in ("backend", "_backend"):
        found = getattr(primitive, name, None)
        found = found() if callable(found) else found
        if getattr(found, "target", None) is not None:
            return found
    return anywhere()


def anywhere() -> Target:
    """A target of standard gates on qubits that are all connected."""
    from qiskit.transpiler import Target

    return Target.from_configuration(basis_gates=list(GATES), num_qubits=SIMULATED)
