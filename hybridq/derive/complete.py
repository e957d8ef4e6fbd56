"""complete: run a task on a backend, or derive it from energies."""

from __future__ import annotations

from hybridq.contract.backend import Backend, Capabilities
from hybridq.contract.errors import BackendError
from hybridq.contract.task import Driver, Result, Task
from hybridq.derive.density import rdm_from_results, rdm_tasks
from hybridq.derive.lowering import speaking
from hybridq.derive.shift import gradient_from_result, gradient_task


def derivable(capabilities: Capabilities) -> frozenset[Driver]:
    """Drivers that the backend offers or that follow from its energies; RDMs follow for real states only."""
    derived: frozenset[Driver] = frozenset({"gradient", "rdm"}) if "energy" in capabilities.drivers else frozenset()
    return capabilities.drivers | derived


def complete(backend: Backend, task: Task) -> Result:
    """The result of `task`: natively where `backend` offers the driver, else derived from one batch of energies.

    Provenance of a derived result is the energies' own, with "derived" saying how.

    Raises:
        BackendError: the driver is not offered and does not follow from what is.
        InputError: an RDM is to be derived for a state that is not real.
        Whatever `submit` and `result` of the backend raise.
    """
    backend = speaking(backend, task.circuit)
    offered = backend.capabilities.drivers
    if task.driver in offered:
        return backend.submit([task]).result()[0]
    if "energy" in offered and task.driver == "gradient":
        return gradient_from_result(task, backend.submit([gradient_task(task)]).result()[0])
    if "energy" in offered and task.driver == "rdm":
        return rdm_from_results(task, backend.submit(rdm_tasks(task)).result())
    raise BackendError(
        f"backend {backend.name!r} offers {sorted(offered)}, and {task.driver!r} cannot be derived from that: "
        "gradients and RDMs follow from energies, counts from nothing else; choose a backend that offers it"
    )
