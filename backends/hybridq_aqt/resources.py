"""AQT's resources by name, from its own client."""

from __future__ import annotations

import os
from typing import Any

from hybridq.contract.errors import BackendError, InputError, MissingPackage, unknown_name
from hybridq.hardware.calls import described
from hybridq.hardware.remedies import status_of

OFFLINE = {"offline_simulator_no_noise": "ideal", "offline_simulator_noise": "noisy"}
DIRECT = "direct"
TOKEN = "AQT_TOKEN"
ADDRESS = "AQT_DIRECT_URL"
LOG_IN = "python -c 'from qiskit_aqt_provider import AQTProvider; AQTProvider().cloud().log_in()'"


def resource_of(name: str, url: str | None) -> Any:
    """A resource: a Qiskit backend of AQT's client.

    Args:
        name: see `AQTDevice`.
        url: of a computer with direct access.

    Raises:
        InputError: no such resource, or no credentials for it.
        BackendError: the service does not answer.
        MissingPackage: qiskit-aqt-provider is not installed.
    """
    try:
        from qiskit_aqt_provider import AQTProvider
    except ImportError as error:
        raise MissingPackage(
            f"this needs qiskit-aqt-provider, which cannot be imported ({error}); it needs Qiskit 2.3 to 2.4: install "
            "it in an environment of its own with hybridq, pip install 'qiskit-aqt-provider>=2.0', and use it from "
            "here as the backend host:aqt"
        ) from error
    provider = AQTProvider()
    if name in OFFLINE:
        return getattr(provider.offline, OFFLINE[name])()
    if name == DIRECT:
        return _direct(provider, url)
    if name.count("/") != 1:
        known = [*OFFLINE, DIRECT, "WORKSPACE/RESOURCE"]
        raise unknown_name("resource of AQT", name, known, hint="The last stands for a resource in AQT's cloud.")
    return _cloud(provider, *name.split("/"))


def _direct(provider: Any, url: str | None) -> Any:
    address, token = url or os.environ.get(ADDRESS), os.environ.get(TOKEN)
    if not address:
        raise InputError(f"where is the computer? Give its address as the option url=, or set {ADDRESS}")
    if token is None:
        raise InputError(f"there is no token for {address}; set {TOKEN} to yours (empty where none is needed)")
    try:
        return provider.direct_access().get_resource(address, token)
    except Exception as error:
        raise _unreachable(address, error) from None


def _cloud(provider: Any, workspace: str, resource: str) -> Any:
    from qiskit.providers.exceptions import QiskitBackendNotFoundError

    try:
        workspaces = provider.cloud().fetch_workspaces()
        found = workspaces.get_by_id(workspace)
        if found is None:
            raise unknown_name("workspace of AQT's cloud", workspace, [one.id for one in workspaces])
        try:
            return found.get_backend(resource)
        except QiskitBackendNotFoundError:
            shown = [one.id for one in found.list_backends()]
            raise unknown_name(f"resource of AQT's workspace {workspace}", resource, shown) from None
    except InputError:
        raise
    except Exception as error:
        raise _unreachable("AQT's cloud", error) from None


def _unreachable(what: str, error: Exception) -> Exception:
    """The error for a service that does not show its resources."""
    links: list[BaseException | None] = [error, error.__cause__, error.__context__]
    status = next((status_of(link) for link in links if link is not None and status_of(link)), None)
    if status in (401, 403):
        told = f"set {TOKEN} to a token that is valid there" if what.startswith("http") else f"log in first: {LOG_IN}"
        return InputError(f"{what} does not let you in (HTTP {status}); {told}")
    return BackendError(f"{what} does not show its resources: {described(error)}; try again later", retryable=True)
