"""The batch script: request, set up, launch, pass signals on, and go into the queue again until the run is done."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from hybridq.cli.batch import containers
from hybridq.cli.batch.job import Job
from hybridq.cli.batch.pbs import PBS
from hybridq.cli.batch.pjm import PJM
from hybridq.cli.batch.scheduler import Scheduler
from hybridq.cli.batch.slurm import SLURM

RANK = """\
# Launchers kill the other ranks at the first code that is not 0, and then report a code of their own. So a rank that
# stopped in good order (75) leaves a file and ends with 0. One that SIGUSR1 met before it listened (138) leaves the
# file too, and lets the others be killed: they may wait for it.
rank='trap : USR1 TERM; "$@"; code=$?
case $code in 75 | 138) [ -e "$0" ] || : >"$0" ;; esac
[ $code = 75 ] || exit $code'"""

SIGNALS = """\
# SIGUSR1: stop before the next evaluation, and go into the queue again. SIGTERM: the scheduler takes the job away
# (cancelled, preempted, out of time): stop likewise, and leave it to the scheduler or its user what comes next.
step="" signalled=0 asked=0 taken=0
stop() {
  signalled=1 asked=1
  if [ -n "$step" ]; then kill -USR1 "$step" 2>/dev/null; fi
}
trap stop USR1
trap '{taken}' TERM"""

WAIT = """\
step=$!
if [ "$asked" = 1 ]; then stop; fi
while :; do # a signal ends the wait, not the step
  signalled=0 code=0
  wait "$step" || code=$?
  if [ "$signalled" = 0 ]; then break; fi
done
if [ "$asked" = 1 ] && [ "$code" = 138 ]; then code=75; fi # SIGUSR1 met the launcher before it listened
if [ -e "$again" ] && { [ "$code" = 0 ] || [ "$asked" = 1 ]; }; then code=75; fi
rm -f "$again\""""


def script(job: Job, scheduler: Scheduler) -> str:
    """The whole script."""
    site = job.site
    requests = [*scheduler.request(job), *(site.directives if site is not None else ()), *job.directives]
    parts = [
        [scheduler.shell, *(f"{scheduler.mark} {line}" for line in requests)],
        [
            f"# Submit with: {scheduler.submit} {shlex.quote(job.script)}",
            f"# It stops in good order {job.margin} s before its wall time, and goes into the queue again until the",
            f"# run is done, but not more than {job.max_requeues} times.",
        ],
        [
            'say() { echo "hybridq batch: $*" >&2; }',
            *scheduler.begin(job),
            f"again=$PWD/.hybridq-again.{scheduler.job_id}",
        ],
        _environment(job),
        [SIGNALS.replace("{taken}", scheduler.taken)],
        [RANK],
        [*scheduler.prepare(job), 'rm -f "$again"', f"{_launch(job, scheduler)} &", WAIT],
        [
            'if [ "$code" != 75 ]; then',
            *_indented(scheduler.forget(job)),
            '  exit "$code"',
            "fi",
            'if [ "$taken" = 1 ]; then',
            '  say "taken away by the scheduler; submit the script again to go on"',
            *_indented(scheduler.forget(job)),
            "  exit 75",
            "fi",
            f'if [ "$lives" -ge {job.max_requeues} ]; then',
            '  say "requeued $lives times, which is the limit; submit the script again to go on"',
            *_indented(scheduler.forget(job)),
            "  exit 75",
            "fi",
            *scheduler.again(job),
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def scheduler(name: str) -> Scheduler:
    """The scheduler of this name: slurm, pbs or pjm."""
    return {"slurm": SLURM, "pbs": PBS, "pjm": PJM}[name]


def _environment(job: Job) -> list[str]:
    lines = [
        "# hybridq reads this: seconds since 1970 before which it stops",
        f"HYBRIDQ_DEADLINE=$(($(date +%s) + {job.wall_time} - {job.margin}))",
        "export HYBRIDQ_DEADLINE",
        "export " + " ".join(f"{name}_NUM_THREADS={job.threads_per_rank}" for name in ("OMP", "OPENBLAS", "MKL")),
    ]
    if job.site is not None and job.site.proxy is not None:
        lines.append(f"export http_proxy={job.site.proxy} https_proxy={job.site.proxy}")
    lines += containers.before(job)
    lines += [f"module load {shlex.quote(module)} || exit 2" for module in job.modules]
    if job.venv is not None:
        lines.append(f". {shlex.quote(job.venv.rstrip('/') + '/bin/activate')} || exit 2")
    lines += [f"export {name}={shlex.quote(value)}" for name, value in job.env]
    return [*lines, *job.setup]


def _launch(job: Job, scheduler: Scheduler) -> str:
    launcher = scheduler.launcher(job) if job.launcher is None else job.launcher
    if job.site is not None and job.site.launch_env is not None and job.launcher is None:
        launcher = f"{job.site.launch_env} {launcher}"
    rank = 'bash -c "$rank" "$again"'
    words = [f"{launcher} {rank}".lstrip(), containers.inside(job), shlex.join(job.command)]
    return " \\\n  ".join(word for word in words if word)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
