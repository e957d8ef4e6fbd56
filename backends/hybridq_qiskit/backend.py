"""QiskitBackend: any Qiskit `BackendV2`, as an object or, for simulators of devices, by name."""

from __future__ import annotations

import inspect
from typing import Any

from hybridq.contract.errors import InputError, MissingPackage, unknown_name
from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq.hardware.qiskit_device import QiskitDevice

LOCAL = (
    "qiskit.providers.basic_provider",
    "qiskit.providers.fake_provider",
    "qiskit_aer",
    "qiskit_ibm_runtime.fake_provider",
)
"""Where the classes of backends are whose jobs live in this process and cost nothing."""


AT_ONCE = {"poll_seconds": 0.02, "longest_poll": 1.0}
"""How often a job in this process is looked at."""


class QiskitBackend(DeviceBackend):
    """Energies and counts of a Qiskit backend.

    Args:
        backend: a `BackendV2`; or a name: "aer", or that of a fake device of qiskit-ibm-runtime, such as
            "fake_manila", which simulates a device's gates, connections and noise as they once were.
        **options: those of `hybridq.hardware.qiskit_device.QiskitDevice` and of `DeviceBackend`.

    Raises:
        InputError: the name is unknown, the object is no `BackendV2`, or an option makes no sense.
        MissingPackage: what simulates the named device is not installed.
    """

    def __init__(self, backend: Any = "aer", **options: Any) -> None:
        owner = "backend 'qiskit'"
        for_device, for_backend = divided(owner, QiskitDevice, options)
        if isinstance(backend, str):
            for_device.setdefault("name", f"qiskit:{backend}")
            backend = named(backend)
        if not _is_backend(backend):
            raise InputError(
                f"{owner} takes a name or a Qiskit BackendV2, got {type(backend).__name__}; samplers and estimators "
                "are taken by hybridq_qiskit.QiskitSamplerBackend and QiskitEstimatorBackend"
            )
        known = any(base.__module__.startswith(LOCAL) for base in type(backend).__mro__)
        local = known and not hasattr(backend, "retrieve_job")
        for_device.setdefault("local", local)
        # What ends with the process cannot be found again, and is free to be done again.
        for_backend.setdefault("resubmit_lost", for_device["local"])
        if for_device["local"]:
            for_backend.setdefault("patience", dict(AT_ONCE))
        super().__init__(QiskitDevice(backend, **for_device), **for_backend)


def named(name: str) -> Any:
    """A simulator by name.

    Raises:
        InputError: there is none.
        MissingPackage: its package is not installed.
    """
    if name == "aer":
        try:
            from qiskit_aer import AerSimulator
        except ImportError as error:
            raise _missing("qiskit-aer", error) from error
        return AerSimulator()
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError as error:
        raise _missing("qiskit-ibm-runtime", error) from error
    fakes = {
        str(cls.backend_name): cls
        for cls in vars(fake_provider).values()
        if inspect.isclass(cls) and hasattr(cls, "backend_name") and isinstance(cls.backend_name, str)
    }
    if name not in fakes:
        raise unknown_name("simulator of Qiskit", name, ["aer", *fakes], hint="Give other backends as objects.")
    return fakes[name]()


def _is_backend(thing: Any) -> bool:
    from hybridq.qubits.extra import require_qiskit

    require_qiskit()
    from qiskit.providers import BackendV2

    return isinstance(thing, BackendV2)


def _missing(package: str, error: ImportError) -> MissingPackage:
    return MissingPackage(f"this needs {package}, which cannot be imported ({error}); pip install {package}")
