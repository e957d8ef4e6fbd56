"""Jobs that submit their own script again, where a job cannot be requeued from inside."""

from __future__ import annotations

import shlex

from hybridq.cli.batch.job import Job

TAKEN = "taken=1; stop"
"""On SIGTERM: whether the ranks got it as well is not known of every PBS and PJM, so they are told by SIGUSR1."""


def begin(job: Job, folder: str) -> list[str]:
    """Go to `folder` (shell text), from which the script was submitted, and read how often it submitted itself."""
    return [
        f"cd {folder} || exit 2",
        f"script={shlex.quote(job.script)}",
        "lives=0",
        'if [ -r "$script.lives" ]; then read -r lives <"$script.lives"; fi',
    ]


def forget(job: Job) -> list[str]:
    """Begin to count anew when the script is next submitted by hand."""
    return ['rm -f "$script.lives"']


def again(submit: str) -> list[str]:
    """Submit the script again by `submit`; this job ends with 75, since its work is not done."""
    return [
        'echo "$((lives + 1))" >"$script.lives"',
        f'if ! {submit} "$script"; then',
        '  rm -f "$script.lives"',
        f'  say "$script could not submit itself; go on with: {submit} $script"',
        "fi",
        "exit 75",
    ]
