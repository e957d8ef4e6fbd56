"""IBMEstimatorDevice: energies from IBM's own estimator, with its ways of measuring and of mitigating noise."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import BackendError, InputError
from hybridq.hardware import Counts, Limits, Price, Run
from hybridq_ibm.device import OVERHEAD, REPETITION, IBMDevice, pubs_of

STEP = 64  # shots of a randomization; what is no multiple of it IBM rounds up
FOLDS = 3  # factors of noise that resilience level 2 measures


@dataclass(frozen=True, eq=False)
class Pub:
    """A circuit with what is measured of it, as IBM's estimator takes them.

    Attributes:
        circuit: of the device's gates, without measurements; its parameters are free.
        observable: a `SparsePauliOp` on the device's qubits.
        bases: settings in which its strings can be read.
    """

    circuit: Any
    observable: Any
    bases: int


class IBMEstimatorDevice(IBMDevice):
    """A device of IBM's, asked for expectation values; `Run.program` is a `Pub`, and `Run.shots` those of a row.

    What `counts` gives for a run is ``{"value": ..., "stderr": ...}`` in the observable's unit. The standard error is
    the largest that IBM gives: by shots, by the scatter of the randomizations, and at level 2 that of the circuits
    whose noise was not amplified, since those of its extrapolation can be far too small.

    Args:
        backend: as for `IBMDevice`.
        resilience_level: 0 for none, 1 for readout (TREX), 2 for zero-noise extrapolation besides.
        twirling: of gates, besides what the level does by itself; of readings where the level is 0.
        **options: those of `IBMDevice`.

    Raises:
        InputError, BackendError, MissingPackage: as for `IBMDevice`.
    """

    def __init__(
        self,
        backend: str = "least_busy",
        *,
        resilience_level: int = 1,
        service: Any = None,
        mode: str = "job",
        dynamical_decoupling: str | None = None,
        twirling: bool = False,
        max_execution_seconds: int | None = None,
        dollars_per_second: float = 0.0,
        name: str | None = None,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
        max_circuits: int | None = None,
    ) -> None:
        if isinstance(resilience_level, bool) or resilience_level not in (0, 1, 2):
            raise InputError(f"resilience_level is 0, 1 or 2, got {resilience_level!r}")
        super().__init__(
            backend,
            service=service,
            mode=mode,
            dynamical_decoupling=dynamical_decoupling,
            twirling=twirling,
            max_execution_seconds=max_execution_seconds,
            dollars_per_second=dollars_per_second,
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            max_circuits=max_circuits,
        )
        self._name = name or f"ibm-estimator:{self.backend.name}"
        # Imported here for the same reason as the sampler.
        self._estimator_class = _estimator_class()
        self._level = resilience_level

    @property
    def limits(self) -> Limits:
        """Rows in a job; shots are not cut, since values cannot be put together again."""
        return Limits(super().limits.circuits, None, same_shots=True)

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on."""
        return {**super().options, "resilience_level": self._level}

    def circuits(self, pub: Pub) -> int:
        """Circuits that are run for a row: one for each basis, and for each factor of noise."""
        return pub.bases * (FOLDS if self._level == 2 else 1)

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Hand in one job with all rows, and return its id.

        Raises:
            InputError: runs of one job differ in shots, or there is none.
            Whatever IBM's client raises.
        """
        if not runs or len({run.shots for run in runs}) > 1:
            raise InputError("a job has at least one row and one number of shots for all of them")
        pubs = pubs_of(runs, lambda pub: (pub.circuit, pub.observable))
        shots = min(run.shots // self.circuits(run.program) for run in runs)
        # A hair more, since IBM rounds 1 / precision^2 up.
        job = self._estimator(tag).run(pubs, precision=(1 + 1e-12) / math.sqrt(shots))
        job_id = str(job.job_id())
        self._keep(job_id, job, tag, ())
        return job_id

    def price(self, runs: Sequence[Run]) -> Price:
        """As of the sampler, for all bases; from level 1 on for a calibration of the readout as long as a basis."""
        pause = getattr(self.backend, "default_rep_delay", None) or REPETITION
        seconds = OVERHEAD
        for run in runs:
            shots = run.shots * (1 + (1 / self.circuits(run.program) if self._level else 0))
            seconds += shots * (self._duration(run.program.circuit) + pause)
        return Price(seconds, self._dollars_per_second * seconds)

    def show(self, program: Pub) -> str:
        """Circuit and observable, for a dry run."""
        from qiskit import qasm3

        terms = ", ".join(f"{c.real:+.10g} {label}" for label, c in program.observable.to_list())
        return f"{qasm3.dumps(program.circuit)}// measured: {terms}\n"

    def malformed(self, runs: Sequence[Run], found: Sequence[Mapping[str, Any]]) -> str | None:
        """What is wrong with values; None where nothing is."""
        if len(found) != len(runs):
            return f"{len(runs)} rows were run, and it has values of {len(found)}"
        for k, one in enumerate(found):
            value, error = one.get("value"), one.get("stderr")
            if not all(isinstance(x, float) and math.isfinite(x) for x in (value, error)) or error < 0:  # type: ignore[operator]
                return f"row {k} has the value {value!r} with the standard error {error!r}"
        return None

    def _counts(self, job: Any, n_bits: Sequence[int] | None) -> list[Counts]:
        result = job.result()
        try:
            found: list[Any] = []
            for pub in result:
                values = np.ravel(np.asarray(pub.data.evs, dtype=float))
                errors = _errors(pub.data)
                found += [{"value": float(v), "stderr": float(e)} for v, e in zip(values, errors, strict=True)]
        except Exception as error:
            raise BackendError(
                f"{self.name}: the result of job {job.job_id()} is malformed ({type(error).__name__}: {error}); resume "
                "to fetch it again, and tell IBM if this goes on"
            ) from None
        return found

    def _estimator(self, tag: str) -> Any:
        """IBM's estimator with our options."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made = self._estimator_class(mode=self._place())
        self._apply(made.options, tag)
        made.options.resilience_level = self._level
        return made


def _errors(data: Any) -> NDArray[np.float64]:
    """Standard errors of a pub's rows, the largest of those that IBM gives; see `IBMEstimatorDevice`."""
    found = [np.asarray(data.stds, dtype=float)]
    if hasattr(data, "ensemble_standard_error"):
        found.append(np.asarray(data.ensemble_standard_error, dtype=float))
    for name in ("stds_noise_factors", "ensemble_stds_noise_factors"):
        if hasattr(data, name):
            found.append(np.asarray(getattr(data, name), dtype=float)[..., 0])
    largest: NDArray[np.float64] = np.fmax.reduce([np.ravel(array) for array in found])
    return largest


def _estimator_class() -> Any:
    """The newer class where there is one, else the older."""
    try:
        from qiskit_ibm_runtime.executor_estimator import Estimator
    except ImportError:
        from qiskit_ibm_runtime import EstimatorV2 as Estimator
    return Estimator
