"""Promises about what a backend says of itself, and of what a task costs."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np

from hybridq.contract.backend import Backend, Cost, Placement
from hybridq.contract.errors import CapacityError
from hybridq.contract.task import DRIVERS
from hybridq.testing.asking import Asking
from hybridq.testing.promises import promise, refuse_changes


class ClaimPromises(Asking):
    """What it claims is well formed, and what it predicts makes sense."""

    @promise
    def test_no_promise_is_overridden_or_deleted_without_a_reason(self) -> None:
        """The kit itself is whole."""
        refuse_changes(type(self))

    @promise
    def test_name_and_capabilities_are_well_formed(self) -> None:
        """Five members; a name; a width; known drivers."""
        backend = self._backend()
        assert isinstance(backend, Backend), f"{type(backend).__name__} lacks one of the five members of a Backend"
        assert isinstance(backend.name, str), f"name is {backend.name!r}, not a text"
        assert backend.name.strip(), "name is empty"
        claims = backend.capabilities
        width = claims.max_qubits
        assert isinstance(width, int) and width >= 1, f"max_qubits is {width!r}; it must be an int of at least 1"  # noqa: PT018
        assert isinstance(claims.drivers, frozenset), f"drivers is a {type(claims.drivers).__name__}, not a frozenset"
        assert claims.drivers, "drivers is empty: it brings back nothing"
        unknown = claims.drivers - set(DRIVERS)
        assert not unknown, f"drivers names {sorted(unknown)}; known: {DRIVERS}"
        assert claims.languages, "languages is empty: it takes no circuit"
        assert isinstance(claims.placement, Placement), f"placement is {claims.placement!r}"
        assert isinstance(claims.exact, bool), f"exact is {claims.exact!r}"
        assert isinstance(claims.durable_jobs, bool), f"durable_jobs is {claims.durable_jobs!r}"

    @promise
    def test_cost_is_finite_and_not_negative(self) -> None:
        """Seconds, bytes, shots and dollars are numbers within reason."""
        backend = self._backend()
        for driver in sorted(backend.capabilities.drivers):
            for case in self._cases(backend):
                cost = backend.cost([self._task(backend, case, driver)])
                assert isinstance(cost, Cost), f"cost returned a {type(cost).__name__}"
                for name in ("seconds", "bytes", "shots", "dollars"):
                    value = getattr(cost, name)
                    assert math.isfinite(value), f"cost.{name} of {driver!r} is {value}"
                    assert value >= 0, f"cost.{name} of {driver!r} is {value}"
                assert cost.seconds < 1e6, f"cost.seconds is {cost.seconds:.3g} for three rows of at most 8 qubits"
                assert cost.bytes < 1 << 36, f"cost.bytes is {cost.bytes:.3g} for three rows of at most 8 qubits"
                assert cost.bytes == int(cost.bytes), f"cost.bytes is {cost.bytes}"

    @promise
    def test_cost_runs_nothing_and_does_not_fall_with_more_rows(self) -> None:
        """200,000 rows are priced within two seconds, and not below three rows."""
        backend = self._backend()
        driver = self._values(backend)
        case = self._cases(backend)[-1]
        few = self._task(backend, case, driver)
        many = dataclasses.replace(few, params=np.zeros((200_000, case.circuit.n_parameters)))
        low = backend.cost([few])
        start = time.perf_counter()
        try:
            high = backend.cost([many])
        except CapacityError:
            high = low
        seconds = time.perf_counter() - start
        assert seconds < 2.0, f"cost took {seconds:.1f} s for 200,000 rows: it must predict, not run"
        assert high.seconds >= low.seconds, f"200,000 rows cost {high.seconds} s, three rows {low.seconds} s"
