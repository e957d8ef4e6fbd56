"""Jobs on direct access, whose server says nothing of a job until it has the result."""

from __future__ import annotations

from typing import Any

LOOK_SECONDS = 2.0
"""How long to listen for a result each time that the status is asked for."""


class ListenedJob:
    """A job of AQT's client that finds out how it stands; the client's own always says that it is running.

    Args:
        job: a `DirectAccessJob` of one circuit.
    """

    def __init__(self, job: Any) -> None:
        self._job = job
        self._result: Any = None

    def job_id(self) -> str:
        """AQT's id."""
        return str(self._job.job_id())

    def status(self) -> str:
        """Listens for the result for a moment.

        Raises:
            httpx.HTTPError: the server does not answer as it should.
        """
        import httpx
        from qiskit_aqt_provider.exceptions import AQTJobFailedError

        if self._result is None:
            try:
                self._result = self._job.result(timeout=LOOK_SECONDS)
            except httpx.ReadTimeout:
                return "running"
            except AQTJobFailedError:
                return "failed"
        return "done"

    def result(self) -> Any:
        """The result; waits where it is not there yet."""
        return self._result if self._result is not None else self._job.result()
