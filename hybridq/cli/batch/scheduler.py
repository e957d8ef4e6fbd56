"""What differs from scheduler to scheduler in a batch script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hybridq.cli.batch.job import Job


@dataclass(frozen=True, slots=True)
class Scheduler:
    """One scheduler's language.

    Attributes:
        shell: first line of the script.
        mark: what a request line begins with.
        submit: the command that submits.
        job_id: shell text that expands to the job's number.
        request: the request lines, without the mark.
        begin: shell lines that go to the folder and count the lives in ``lives``.
        taken: what SIGTERM makes the script do, as shell text.
        prepare: shell lines right before the launch.
        launcher: the launcher as shell text.
        again: shell lines that bring the job into the queue again; they end the script.
        forget: shell lines that end the count of lives.
    """

    shell: str
    mark: str
    submit: str
    job_id: str
    request: Callable[[Job], list[str]]
    begin: Callable[[Job], list[str]]
    taken: str
    prepare: Callable[[Job], list[str]]
    launcher: Callable[[Job], str]
    again: Callable[[Job], list[str]]
    forget: Callable[[Job], list[str]]
