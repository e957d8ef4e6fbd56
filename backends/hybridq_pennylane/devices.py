"""Which PennyLane devices there are, without importing PennyLane."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from hybridq.contract.errors import InputError, MissingPackage

DEFAULT = "lightning.qubit"
ADJOINT = ("lightning.qubit", "lightning.gpu", "lightning.kokkos", "default.qubit")  # derivatives by the adjoint method
EXACT = (*ADJOINT, "reference.qubit", "lightning.tensor", "default.mixed", "default.tensor")
MIXED = ("default.mixed",)  # hold density matrices: 4^n numbers
UNFIT = {
    "default.gaussian": "has modes of light, no qubits",
    "default.qutrit": "has qutrits, no qubits",
    "default.qutrit.mixed": "has qutrits, no qubits",
    "null.qubit": "computes nothing, and every value would be 0",
}
SEPARATE = {
    "lightning.gpu": "pennylane-lightning-gpu",
    "lightning.kokkos": "pennylane-lightning-kokkos",
    "lightning.tensor": "pennylane-lightning-tensor",
    "lightning.amdgpu": "pennylane-lightning-amdgpu",
}


@dataclass(frozen=True)
class Kind:
    """What is known of a device.

    Attributes:
        name: PennyLane's.
        adjoint: True where it gives energy and gradient by the adjoint method.
        exact: True where it gives expectation values without shots.
        mixed: True where it holds a density matrix, the size of a state vector of twice as many qubits.
    """

    name: str
    adjoint: bool
    exact: bool
    mixed: bool = False


def kind_of(name: str) -> Kind:
    """The device of this name.

    Raises:
        MissingPackage: PennyLane, or the package of this device, is not installed.
        InputError: no such device, or one that cannot run circuits on qubits.
    """
    if name in UNFIT:
        raise InputError(f"the PennyLane device {name!r} {UNFIT[name]}; take {DEFAULT!r}, for one")
    if find_spec("pennylane") is None:
        raise MissingPackage('PennyLane is not installed: pip install "hybridq-sdk[pennylane]"')
    installed = sorted({entry.name for entry in importlib.metadata.entry_points(group="pennylane.plugins")})
    if name not in installed:
        if name in SEPARATE:
            raise MissingPackage(f"the PennyLane device {name!r} is not installed: pip install {SEPARATE[name]}")
        raise InputError(f"PennyLane has no device {name!r} here; installed are {', '.join(installed)}")
    return Kind(name, name in ADJOINT, name in EXACT, name in MIXED)


def opened(kind: Kind, n: int, options: Mapping[str, Any]) -> Any:
    """PennyLane's device of `n` qubits.

    Raises:
        MissingPackage: the device needs a package that is not installed.
        InputError: it does not know an option.
    """
    import pennylane as qml

    try:
        return qml.device(kind.name, wires=n, **options)
    except ImportError as error:
        raise MissingPackage(f"the PennyLane device {kind.name!r} cannot be opened: {error}") from None
    except TypeError as error:
        raise InputError(f"the PennyLane device {kind.name!r} does not take {dict(options)}: {error}") from None
