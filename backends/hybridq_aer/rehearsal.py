"""Rehearsal: what a device would do, by Aer with the noise of the device's calibration."""

from __future__ import annotations

import threading
from typing import Any

from hybridq.contract.errors import MissingPackage, unknown_name
from hybridq.contract.options import normal
from hybridq.contract.threads import available_threads
from hybridq.hardware import DeviceBackend
from hybridq.hardware.qiskit_device import QiskitDevice

DEVICE_OPTIONS = ("seed", "optimization_level", "tries")


def rehearsal(
    name: str = "",
    *,
    device: Any = None,
    seed: int = 0,
    optimization_level: int = 2,
    tries: int = 4,
    threads: int | None = None,
    **options: Any,
) -> DeviceBackend:
    """A backend that does with a circuit what it would do on the device: layout, native gates, noise, readout.

    The noise model is Aer's from the device's properties: depolarizing and thermal errors of each gate and errors of
    each reading, as they were measured for the calibration. Crosstalk, leakage and drift are not in it.

    Args:
        name: of an IBM device, "ibm_torino", whose last calibration stored in qiskit-ibm-runtime is taken.
        device: a Qiskit `BackendV2` to rehearse instead, such as one that an account shows today.
        seed, optimization_level, tries: of the transpiler; see `QiskitDevice`.
        threads: threads at most.
        options: of `DeviceBackend`.

    Raises:
        InputError: no such device; the message lists near names.
        MissingPackage: qiskit-aer or qiskit-ibm-runtime is not installed.
    """
    try:
        from qiskit_aer import AerSimulator
    except ImportError:
        raise MissingPackage(
            "a rehearsal needs qiskit-aer: install hybridq-sdk with its extra aer (pip install 'hybridq-sdk[aer]')"
        ) from None
    target = _stored(name) if device is None else device
    label = name or str(getattr(target, "name", type(target).__name__))
    simulator = AerSimulator.from_backend(target, max_parallel_threads=threads or available_threads())
    made = _Rehearsed(
        simulator, name=f"aer:{label}", seed=seed, optimization_level=optimization_level, tries=tries, local=True
    )
    return DeviceBackend(made, **options)


class _Rehearsed(QiskitDevice):
    """The simulator as a device; Aer's jobs run one at a time, as its threads take the whole machine."""

    def __init__(self, backend: Any, **options: Any) -> None:
        super().__init__(backend, **options)
        self._one = threading.Lock()

    def _submit(self, circuits: list[Any], shots: int, seed: int | None, tag: str) -> Any:
        with self._one:
            return super()._submit(circuits, shots, seed, tag)


def _stored(name: str) -> Any:
    """The device of this name in qiskit-ibm-runtime's collection of calibrations."""
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError:
        raise MissingPackage(
            f"{name!r} stands for the noise of an IBM device, whose calibrations qiskit-ibm-runtime has; install "
            "it: hybridq-sdk with its extra ibm (pip install 'hybridq-sdk[ibm]')"
        ) from None
    plain = normal(name).removeprefix("ibm-").removeprefix("fake-")
    known = {
        word.removeprefix("Fake").removesuffix("V2").lower(): made
        for word, made in vars(fake_provider).items()
        if word.startswith("Fake") and isinstance(made, type) and hasattr(made, "target")
    }
    if plain not in known:
        raise unknown_name("stored calibration", name, [f"ibm_{word}" for word in known])
    return known[plain]()
