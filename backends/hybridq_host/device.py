"""HostedDevice: a device that runs in another environment, through a host."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.hardware.device import Compiled, Counts, Limits, Price, Remedy, Run
from hybridq.hardware.host.masking import secrets_among
from hybridq.hardware.host.wire import Ref, run_data
from hybridq_host.child import Child, HostError, HostLost
from hybridq_host.programs import Handle, Source

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

OPEN_SECONDS = 300.0
LIVES = 3  # hosts that a request which the vendor does not see is tried on


class HostedDevice:
    """A device of another environment.

    The host is a child process, started when it is needed and again where it died. It ends with this process, however
    that ends. Programs stay in the host. Of a vendor's jobs nothing is lost when a host dies; those of a simulator
    which runs inside the host (`local`) are then reported as failed, so that they are submitted again.

    Args:
        python: the other environment's interpreter.
        name: of the backend there, such as "aqt:offline_simulator_no_noise".
        options: of that backend. Secrets are no options: the vendor's environment variables are passed through.

    Raises:
        InputError: the interpreter is not there, an option is a secret, or the backend does not take it.
        BackendError: the host does not start, or the backend cannot be made there.
    """

    def __init__(self, python: str, name: str, options: Mapping[str, Any] | None = None) -> None:
        self._python, self._backend, self._options = str(python), name, dict(options or {})
        if not (os.path.isfile(self._python) and os.access(self._python, os.X_OK)):
            raise InputError(f"there is no Python interpreter at {self._python!r}; give the path of the other's python")
        secret = secrets_among(self._options)
        if secret:
            raise InputError(
                f"{', '.join(secret)}: options are written into run folders, so that secrets are not taken there; set "
                "the vendor's environment variable, which is passed on to the host"
            )
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._owner = os.getpid()
        self._lives = 0
        self._forgotten: deque[str] = deque()
        self._jobs: dict[str, int] = {}  # of a local device: the life of the host that has it
        self._about = self._living()[1]

    @property
    def name(self) -> str:
        """As it was asked for, after "host:"."""
        return f"host:{self._backend}"

    @property
    def n_qubits(self) -> int:
        """Qubits of the widest circuit."""
        return int(self._about["n_qubits"])

    @property
    def limits(self) -> Limits:
        """What one job may hold."""
        return Limits(**self._about["limits"])

    @property
    def local(self) -> bool:
        """Whether its jobs live and end with the host."""
        return bool(self._about["local"])

    @property
    def options(self) -> Mapping[str, Any]:
        """As given."""
        return dict(self._options)

    @property
    def pid(self) -> int:
        """Of the host's process, which is started where there is none."""
        return self._living()[0].pid

    def compile(
        self, circuit: QuantumCircuit, tails: Sequence[QuantumCircuit], layout: Sequence[int] | None = None
    ) -> Compiled:
        """Compile in the host; the programs are handles.

        Raises:
            InputError: a circuit cannot be sent, or as the device says.
            BackendError: the host died, again and again.
            HostError: whatever else the device raised.
        """
        source = Source.of(circuit, tails, layout)
        made = self._sure("compile", source.request)
        weakref.finalize(source, self._forgotten.append, source.key)
        programs = tuple(Handle(source, Ref(source.key, k), self.name) for k in range(made["programs"]))
        return Compiled(programs, tuple(tuple(places) for places in made["qubits"]), made["facts"])

    def fold(self, program: Handle, factor: int) -> Handle:
        """A program with its two-qubit gates folded, in the host.

        Raises:
            InputError: it cannot be.
        """
        made = program.folded(factor)
        self._sure("fold", {"program": _data(made)}, [made])
        return made

    def show(self, program: Handle) -> str:
        """A program as OpenQASM 3, where the device speaks Qiskit."""
        return str(self._sure("show", {"program": _data(program)}, [program]))

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Hand in one job and return the vendor's id.

        Raises:
            HostLost: the host died meanwhile; the job may be with the vendor.
            HostError: the vendor's client raised something.
        """
        child, words = self._living()[0], {"runs": _runs(runs), "tag": tag}
        life = self._lives
        job_id = str(self._ask(child, "submit", words, [run.program for run in runs]))
        if self.local:
            self._jobs[job_id] = life
        return job_id

    def find(self, tag: str) -> Sequence[str] | None:
        """Ids of the jobs with this tag, oldest first; None where the vendor cannot be asked that."""
        found: list[str] | None = self._ask(self._living()[0], "find", {"tag": tag})
        return found

    def status(self, job_id: str) -> Status:
        """Where a job stands; failed where it lived in a host that died.

        Raises:
            JobNotFound: the vendor knows no such job.
        """
        try:
            return Status(self._ask(self._living()[0], "status", {"job_id": job_id}))
        except JobNotFound:
            if self._died(job_id):
                return Status.FAILED
            raise

    def counts(self, job_id: str) -> Sequence[Counts]:
        """Of a job that is done: counts for each run, in order.

        Raises:
            HostLost: the job lived in a host that died; its status says that it failed.
        """
        try:
            found: list[Counts] = self._ask(self._living()[0], "counts", {"job_id": job_id})
        except JobNotFound:
            if self._died(job_id):
                raise HostLost(f"the host of {self._backend!r} ended before its result was fetched") from None
            raise
        return found

    def cancel(self, job_id: str) -> None:
        """Ask for its end; no error where it has ended."""
        if not self._died(job_id):
            self._ask(self._living()[0], "cancel", {"job_id": job_id})

    def price(self, runs: Sequence[Run]) -> Price:
        """What these runs will cost.

        Raises:
            BackendError: the host died, again and again.
        """
        return Price(**self._sure("price", {"runs": _runs(runs)}, [run.program for run in runs]))

    def failure(self, job_id: str) -> str | None:
        """Why a job failed, where that is known."""
        if self._died(job_id):
            return "the host's process ended, and the job with it"
        told = self._sure("failure", {"job_id": job_id})
        return None if told is None else str(told)

    def away(self) -> str | None:
        """Why the device takes no jobs now, where it says so."""
        told = self._sure("away", {})
        return None if told is None else str(told)

    def remedy(self, error: Exception) -> Remedy:
        """As the device said in the host; a host that died may have handed the job in before."""
        if isinstance(error, HostError):
            return error.remedy
        return Remedy.LOOK if isinstance(error, HostLost) else Remedy.GIVE_UP

    def facts(self) -> Mapping[str, Any]:
        """The device's, and the versions of the host."""
        hello = self._living()[0].hello
        host = {key: hello.get(key) for key in ("hybridq", "python", "qiskit")}
        return {**self._sure("facts", {}), "host": host}

    def close(self) -> None:
        """End the host; it is started again where it is needed."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            child.end()

    def _living(self) -> tuple[Child, dict[str, Any]]:
        """A host with its device open, and what it says of the device."""
        with self._lock:
            if self._owner != os.getpid():  # after a fork, the pipe is the parent's
                self._owner, self._child, self._jobs = os.getpid(), None, {}
            if self._child is None or not self._child.alive:
                child = Child(self._python, self._backend)
                try:
                    self._about = child.ask("open", {"options": self._options}, OPEN_SECONDS)
                except HostLost as error:
                    raise BackendError(str(error)) from None
                except HostError as error:
                    child.end()
                    raise BackendError(f"backend {self._backend!r} cannot be made in its host: {error}") from None
                except BaseException:
                    child.end()
                    raise
                weakref.finalize(self, _end, child, os.getpid())
                self._child = child
                self._lives += 1
            return self._child, self._about

    def _ask(self, child: Child, call: str, words: dict[str, Any], programs: Sequence[Any] = ()) -> Any:
        """An answer; programs that this host has not are compiled on the way."""
        forget = [self._forgotten.popleft() for _ in range(len(self._forgotten))]
        words = {**words, "forget": forget} if forget else words
        try:
            return child.ask(call, words)
        except HostError as error:
            if error.kind != "UnknownProgram":
                raise
        for source in {id(handle.source): handle.source for handle in programs}.values():
            child.ask("compile", source.request)
        return child.ask(call, words)

    def _sure(self, call: str, words: dict[str, Any], programs: Sequence[Any] = ()) -> Any:
        """The answer to what the vendor does not see, from the next host where one dies.

        Raises:
            BackendError: they all die.
        """
        for life in range(LIVES):
            try:
                return self._ask(self._living()[0], call, words, programs)
            except HostLost as error:
                if life == LIVES - 1:
                    raise BackendError(f"{error}; {LIVES} hosts died of the same request", retryable=True) from None
        raise AssertionError

    def _died(self, job_id: str) -> bool:
        """Whether a job lived in a host that is gone."""
        if job_id not in self._jobs:
            return False
        self._living()
        return self._jobs[job_id] != self._lives


def _end(child: Child, owner: int) -> None:
    if owner == os.getpid():
        child.end()


def _data(program: Handle) -> list[Any]:
    return [program.ref.key, program.ref.index, program.ref.factor]


def _runs(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [run_data(run, run.program.ref) for run in runs]
