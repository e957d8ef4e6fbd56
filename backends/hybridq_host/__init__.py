"""Devices of another environment, for vendors whose packages do not go together."""

from hybridq_host.backend import HostBackend
from hybridq_host.child import HostError, HostLost
from hybridq_host.device import HostedDevice

__all__ = ["HostBackend", "HostError", "HostLost", "HostedDevice"]
