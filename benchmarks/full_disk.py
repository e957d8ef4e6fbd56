"""A run whose disk is full or whose folder cannot be written: a clear error, a whole journal, and it goes on later.

Real ones: a file system in memory of a few pages, a limit on the size of files, a file system mounted read-only. What
needs rights that this process lacks is skipped and says so.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.launching import environment
from benchmarks.machine import ROOT
from hybridq.journal import read_journal
from hybridq.journal.reader import JOURNAL

SCRIPT = """
import sys
sys.modules["matplotlib"] = None  # loading it takes longer than the run
import hybridq as hq
p = hq.Problem.from_fcidump(sys.argv[1])
r = hq.VQE(p, "uccsd", optimizer="COBYLA", max_iterations=40, run=sys.argv[2], progress=False).run()
print(r.energy.hex(), [x.hex() for x in r.parameters])
"""


def all_of_them(folder: Path, *, quick: bool = False) -> Iterator[tuple[str, str]]:
    """Each case with its outcome, which begins with "ok", "skipped" or "wrong"; only a few of them with `quick`."""
    import hybridq as hq

    fcidump = folder / "h4.fcidump"
    hq.Problem.from_xyz("; ".join(f"H 0 0 {k}" for k in range(4)), "sto-3g").to_fcidump(fcidump)
    whole = _run(fcidump, folder / "whole")
    assert whole.returncode == 0, whole.stderr
    size = (folder / "whole" / JOURNAL).stat().st_size
    for k, share in enumerate((0.5,) if quick else (0.02, 0.3, 0.7, 0.999)):
        run = folder / f"limited.{k}"
        first = _run(fcidump, run, limit=max(1, int(share * size)))
        yield f"files of at most {share:.1%} of the journal", _judge(first, fcidump, run, whole.stdout)
    yield from _with_little_space(folder, fcidump, (4,) if quick else (1, 2, 4, 6, 2 + size // 4096), whole.stdout)
    yield from _read_only(folder, fcidump, ("begun",) if quick else ("new", "old", "begun"))


def _with_little_space(folder: Path, fcidump: Path, sizes: Sequence[int], wanted: str) -> Iterator[tuple[str, str]]:
    for pages in sizes:
        name = f"a disk of {4 * pages} KiB"
        place = folder / f"disk.{pages}"
        place.mkdir()
        with mounted(place, f"size={4096 * pages}") as why_not:
            if why_not:
                yield name, f"skipped: {why_not}"
                continue
            first = _run(fcidump, place / "run")
            subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
            yield name, _judge(first, fcidump, place / "run", wanted)


def _read_only(folder: Path, fcidump: Path, runs: Sequence[str]) -> Iterator[tuple[str, str]]:
    place = folder / "read-only"
    place.mkdir()
    with mounted(place, "size=8m") as why_not:
        if why_not:
            yield "a read-only folder", f"skipped: {why_not}"
            return
        (place / "old").mkdir()
        first = _run(fcidump, place / "begun", "max_iterations=40", "max_evaluations=20")
        assert first.returncode == 0, first.stderr
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        for run in runs:
            done = _run(fcidump, place / run)
            last = (done.stderr.strip().splitlines() or [""])[-1]
            fine = "InputError" in last and str(place / run) in last and "Read-only file system" in last
            yield f"a read-only folder ({run})", "ok" if fine else f"wrong: {done.stderr[-800:]}"


@contextmanager
def mounted(place: Path, options: str) -> Iterator[str]:
    """A file system in memory at `place`; why there is none, or an empty string."""
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True
        )
    except OSError as error:
        yield f"no mount: {error}"
        return
    if done.returncode:
        yield done.stderr.strip() or "mount refused"
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", str(place)], check=False)


def _run(
    fcidump: Path, run: Path, old: str = "", new: str = "", *, limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    command = [sys.executable, "-c", SCRIPT.replace(old, new) if old else SCRIPT, str(fcidump), str(run)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, preexec_fn=limited, timeout=120
    )


def _judge(first: subprocess.CompletedProcess[str], fcidump: Path, run: Path, wanted: str) -> str:
    """What became of the life without room, and of the next one with room."""
    if first.returncode == 0:
        return "wrong: it found room" if first.stdout != wanted else "ok (there was room for all)"
    last = (first.stderr.strip().splitlines() or [""])[-1]
    if "InputError" not in last or str(run) not in last:
        return f"wrong: {first.stderr[-800:]}"
    held = 0
    if (run / JOURNAL).exists():
        journal = read_journal(run / JOURNAL)
        held = 0 if journal is None else 1 + len(journal.records)
        if journal is not None and journal.torn:
            return f"wrong: {journal.torn} bytes of a torn record are left"
    left = [p.name for p in run.iterdir() if p.name.startswith(".")] if run.exists() else []
    if left:
        return f"wrong: files are left: {left}"
    again = _run(fcidump, run)
    if again.returncode or again.stdout != wanted:
        return f"wrong: with room again: {again.stdout} {again.stderr[-800:]}"
    return f"ok, {held} records kept: {last.partition('InputError: ')[2][:120]}"
