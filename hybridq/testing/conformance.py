"""BackendConformance: the promises of a backend, in words."""

from __future__ import annotations

from hybridq.contract.backend import Backend
from hybridq.testing.claim_promises import ClaimPromises
from hybridq.testing.job_promises import JobPromises
from hybridq.testing.noise_promises import NoisePromises
from hybridq.testing.once_promises import OncePromises
from hybridq.testing.refusal_promises import RefusalPromises
from hybridq.testing.value_promises import ValuePromises


class BackendConformance(NoisePromises, OncePromises, ValuePromises, RefusalPromises, JobPromises, ClaimPromises):
    """Subclass it and give `backend`; pytest collects the subclass if its name begins with ``Test``.

    Which promises apply follows from the backend's capabilities, and from whether it knows tickets (`submit_once`). A
    value may be off by 1e-9 plus six of the standard errors that came with it. A backend that is not exact is asked
    for a standard error of `precision`. Where jobs are durable, another process makes the subclass again: it must
    then stand at the top of its module, and find its vendor without what a fixture made and only memory holds.

    Attributes:
        precision: standard error in hartree that is asked of a backend that is not exact.
        shots: samples for each row where counts are asked for.
        timeout: seconds to wait for one job.
        qubits: of the widest circuit that is run; 6 spares hardware that is paid or slow.
    """

    precision: float = 0.02
    shots: int = 4000
    timeout: float = 3600.0
    qubits: int = 8

    def backend(self) -> Backend:
        """A new backend, ready to work; called at least once for each promise.

        Raises:
            NotImplementedError: a subclass must give it.
        """
        return super().backend()
