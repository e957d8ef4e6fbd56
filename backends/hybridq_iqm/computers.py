"""IQM's computers by name, from its own client."""

from __future__ import annotations

import os
from typing import Any

from hybridq.contract.errors import BackendError, InputError, MissingPackage, unknown_name
from hybridq.hardware.calls import described

FAKE = "fake_"
ADDRESS = "IQM_SERVER_URL"
REFUSED = ("AuthenticationError", "ForbiddenError", "ClientAuthenticationError")
MISTAKEN = ("ClientConfigurationError", "ValueError", "NotFoundError")


def computer_of(name: str, url: str | None) -> Any:
    """A computer or its simulator: a Qiskit backend of IQM's client.

    Args:
        name: see `IQMDevice`.
        url: of the server.

    Raises:
        InputError: no such computer, or no credentials for it.
        BackendError: the server does not answer.
        MissingPackage: iqm-client is not installed.
    """
    try:
        from iqm.qiskit_iqm import IQMProvider
    except ImportError as error:
        raise MissingPackage(
            f"this needs iqm-client with Qiskit, which cannot be imported ({error}); it needs a Qiskit below 2.2: "
            "install it in an environment of its own with hybridq, pip install 'iqm-client[qiskit]>=34', and use it "
            "from here as the backend host:iqm"
        ) from error
    if name.startswith(FAKE):
        return _fake(name)
    address = url or os.environ.get(ADDRESS)
    if not address:
        raise InputError(
            f"where is the server of {name!r}? Give its address as the option url=, or set {ADDRESS}; simulators of "
            f"IQM's computers are {', '.join(sorted(_fakes()))}"
        )
    try:
        return IQMProvider(address, quantum_computer=name).get_backend()
    except Exception as error:
        kinds = {base.__name__ for base in type(error).__mro__}
        if kinds & set(REFUSED):
            raise InputError(
                f"{address} does not let you in ({type(error).__name__}); set IQM_TOKEN to yours, or IQM_TOKENS_FILE"
            ) from None
        if kinds & set(MISTAKEN):
            raise InputError(f"{address} has no computer for you by the name {name!r}: {described(error)}") from None
        raise BackendError(f"{address} does not show {name!r}: {described(error)}; try later", retryable=True) from None


def _fake(name: str) -> Any:
    fakes = _fakes()
    if name not in fakes:
        raise unknown_name("simulator of IQM's computers", name, fakes, hint="Computers are asked for by their alias.")
    return fakes[name]()


def _fakes() -> dict[str, Any]:
    """Classes of simulators by name."""
    import iqm.qiskit_iqm.iqm_provider as known

    start = "IQMFake"
    found = {attribute: value for attribute, value in vars(known).items() if attribute.startswith(start)}
    return {
        FAKE + attribute.removeprefix(start).lower(): value
        for attribute, value in found.items()
        if attribute != "IQMFakeBackend"
    }
