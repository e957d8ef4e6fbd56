"""The kit for a backend that is found by its name, such that another process can make it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybridq.contract.backend import Backend
from hybridq.registry import backend
from hybridq.testing.conformance import BackendConformance


class InstalledConformance(BackendConformance):
    """Promises of an installed backend.

    Args:
        name: as registered by its distribution.
        options: that it is made with.
        qubits: of the widest circuit that is run.
    """

    def __init__(self, name: str, options: Mapping[str, Any], qubits: int) -> None:
        self.name, self.options, self.qubits = name, dict(options), qubits

    def backend(self) -> Backend:
        """A new one, by its name."""
        return backend(self.name, **self.options)
