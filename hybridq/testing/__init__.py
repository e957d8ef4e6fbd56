"""The conformance kit: promises that every backend keeps, and a runner for them.

In a test module of your own::

    from hybridq.testing import BackendConformance

    class TestMyBackend(BackendConformance):
        def backend(self):
            return MyBackend()

or, for an installed backend, ``python -m hybridq.testing NAME``.
"""

from __future__ import annotations

from hybridq.testing.conformance import BackendConformance
from hybridq.testing.promises import Outcome, check

__all__ = ["BackendConformance", "Outcome", "check"]
