"""What can be asked of a host: the methods of its device, with programs by reference."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from hybridq.contract.errors import BackendError, InputError
from hybridq.hardware.device import Compiled, Device, Remedy, Run
from hybridq.hardware.host.wire import Ref, circuits_from, run_from


class UnknownProgram(Exception):
    """A program is not on this host; it began after the program was compiled."""


class Calls:
    """The requests, by name; see `hybridq.hardware.device.Device` for what they do."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._compiled: dict[str, Compiled] = {}
        self._folded: dict[Ref, Any] = {}
        self._lock = threading.Lock()

    def about(self) -> dict[str, Any]:
        """What does not change about the device."""
        device = self._device
        return {
            "name": device.name,
            "n_qubits": device.n_qubits,
            "limits": asdict(device.limits),
            "local": bool(getattr(device, "local", False)),
        }

    def do(self, call: str, words: dict[str, Any]) -> Any:
        """One request.

        Raises:
            BackendError: this host does not know the request.
            Whatever the device raises.
        """
        method = getattr(self, f"_do_{call}", None)
        if method is None:
            raise BackendError(f"this host does not know the request {call[:40]!r}; install the same hybridq in both")
        self._forget(words.pop("forget", ()))
        return method(**words)

    def remedy(self, error: Exception) -> Remedy:
        """What the device says is to be done about an error."""
        if isinstance(error, UnknownProgram):
            return Remedy.RETRY
        try:
            return self._device.remedy(error)
        except Exception:
            return Remedy.GIVE_UP

    def _do_compile(self, key: str, circuits: str, parameters: Sequence[str], layout: Sequence[int] | None) -> Any:
        circuit, *tails = circuits_from(circuits)
        if [parameter.name for parameter in circuit.parameters] != list(parameters):
            raise BackendError(
                "the circuit came over with its parameters in another order; tell the authors of hybridq"
            )
        made = self._device.compile(circuit, tails, layout)
        with self._lock:
            self._compiled[key] = made
        return {"programs": len(made.programs), "qubits": made.qubits, "facts": dict(made.facts)}

    def _do_fold(self, program: Sequence[Any]) -> None:
        self._program(Ref(*program))

    def _do_show(self, program: Sequence[Any]) -> str:
        from qiskit import QuantumCircuit, qasm3

        found = self._program(Ref(*program))
        return str(qasm3.dumps(found)) if isinstance(found, QuantumCircuit) else repr(found)

    def _do_submit(self, runs: Sequence[dict[str, Any]], tag: str) -> str:
        return self._device.submit(self._runs(runs), tag)

    def _do_find(self, tag: str) -> list[str] | None:
        found = self._device.find(tag)
        return None if found is None else list(found)

    def _do_status(self, job_id: str) -> str:
        return self._device.status(job_id).value

    def _do_counts(self, job_id: str) -> list[dict[str, int]]:
        return [dict(counts) for counts in self._device.counts(job_id)]

    def _do_cancel(self, job_id: str) -> None:
        self._device.cancel(job_id)

    def _do_price(self, runs: Sequence[dict[str, Any]]) -> dict[str, float]:
        return asdict(self._device.price(self._runs(runs)))

    def _do_facts(self) -> Any:
        return dict(self._device.facts())

    def _do_failure(self, job_id: str) -> str | None:
        tell = getattr(self._device, "failure", None)
        return None if tell is None else tell(job_id)

    def _do_away(self) -> str | None:
        tell = getattr(self._device, "away", None)
        return None if tell is None else tell()

    def _runs(self, given: Sequence[dict[str, Any]]) -> list[Run]:
        return [replace(run, program=self._program(ref)) for ref, run in map(run_from, given)]

    def _program(self, ref: Ref) -> Any:
        with self._lock:
            compiled = self._compiled.get(ref.key)
            if compiled is None:
                raise UnknownProgram(ref.key)
            program = compiled.programs[ref.index]
            if ref.factor == 1:
                return program
            if ref not in self._folded:
                own = getattr(self._device, "fold", None)  # a device whose programs are not Qiskit's
                self._folded[ref] = own(program, ref.factor) if callable(own) else _folded(program, ref.factor)
            return self._folded[ref]

    def _forget(self, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._compiled.pop(key, None)
            self._folded = {ref: program for ref, program in self._folded.items() if ref.key in self._compiled}


def _folded(program: Any, factor: int) -> Any:
    from qiskit import QuantumCircuit

    from hybridq.mitigation import fold

    if not isinstance(program, QuantumCircuit):
        raise InputError(
            "zero-noise extrapolation folds circuits of Qiskit, and this device has programs of another kind; leave "
            "zne out"
        )
    return fold(program, factor)
