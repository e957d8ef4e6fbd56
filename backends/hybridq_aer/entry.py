"""What the name "aer" stands for: Aer's own methods, and rehearsals of devices."""

from __future__ import annotations

from typing import Any

from hybridq.contract.backend import Backend
from hybridq.contract.options import check_options, normal
from hybridq_aer.backend import AerBackend
from hybridq_aer.rehearsal import rehearsal


def aer(method: str = "auto", **options: Any) -> Backend:
    """``aer``, ``aer:mps`` and the like: an `AerBackend`; ``aer:ibm_torino``: a `rehearsal` of that device.

    Args:
        method: see there.
        options: see there.

    Raises:
        InputError: there is no such method and no such device, or an option is not known.
    """
    if normal(method).startswith(("ibm-", "fake-")):
        return rehearsal(method, **options)
    check_options("backend 'aer'", AerBackend, options, skip=1)
    return AerBackend(method, **options)


aer.speaks = AerBackend.speaks  # type: ignore[attr-defined]
aer.variants = AerBackend.variants  # type: ignore[attr-defined]
