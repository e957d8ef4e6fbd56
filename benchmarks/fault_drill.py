"""Faults of a vendor's service and kill -9 at random instants, over a VQE of about 20 evaluations on a device.

    python -m benchmarks.fault_drill [--service folder|ibm] [--sequences 200] [--workers 2] [--seed 1] [--output FILE]

"ibm" is the loopback service of `tests/hardware/ibm_service.py` with IBM's real client. "folder": the vendor is a
folder (`tests/hardware/folder_device.py`): its jobs outlive the client, its counts are drawn from state vectors. Both
fail as asked: answers lost after a job was taken, connections dropped before that, refusals, calls that hang, jobs that
fail or are cancelled. Each sequence is one run in several lives. It must end with the same bits as the undisturbed run;
a life may end early only with an error that says to resume; of all jobs with one tag at most one may be alive (the
others failed or were cancelled before they ran); no life may outlast its deadline.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from benchmarks.machine import about
from benchmarks.running import ROOT

TESTS = ROOT / "tests" / "hardware"
sys.path.insert(0, str(TESTS))
DEADLINE = 180.0  # seconds of one life
LIVES = 40
LONGEST = {"folder": 5.0, "ibm": 9.0}  # seconds after which a life that is to be killed is, at most
SUBMIT = ("", "", "", "lose", "drop", "refuse", "away")
READ = ("", "", "", "lose", "refuse", "hang")
FATES = ("",) * 20 + ("queued 3",) * 4 + ("failed",) * 3 + ("cancelled",)


@dataclass
class Sequence:
    """What one run went through.

    Attributes:
        seed: of its faults and kills.
        lives: processes.
        kills: of them killed.
        stops: of them that ended by an error that says to resume.
        jobs: taken by the vendor.
        unpaid: of them failed or cancelled.
        wrong: what should not have been.
        seconds: wall time.
    """

    seed: int
    lives: int = 0
    kills: int = 0
    stops: int = 0
    jobs: int = 0
    unpaid: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Vendor(Protocol):
    """A service that fails as asked."""

    script: Path
    environment: dict[str, str]

    def plan(self, submit: list[str], reads: dict[str, list[str]], fates: list[str]) -> None:
        """What its next answers and jobs do."""
        ...

    def jobs(self) -> list[tuple[str, bool]]:
        """Tag of each job that it took, and whether it ran."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class FolderVendor:
    """See `tests/hardware/folder_device.py`."""

    script = TESTS / "device_script.py"

    def __init__(self, folder: Path) -> None:
        from folder_device import FolderDevice

        self.environment: dict[str, str] = {}
        self._device = FolderDevice(folder)

    def plan(self, submit: list[str], reads: dict[str, list[str]], fates: list[str]) -> None:
        self._device.plan_faults("submit", submit)
        for method, kinds in reads.items():
            self._device.plan_faults(method, kinds)
        self._device.plan_fates(fates)

    def jobs(self) -> list[tuple[str, bool]]:
        found = self._device.jobs().values()
        return [(job["tag"], job["fate"] not in ("failed", "cancelled")) for job in found]

    def close(self) -> None:
        pass


class IBMVendor:
    """See `tests/hardware/ibm_service.py`; its words for the same faults."""

    script = TESTS / "ibm_script.py"
    WORDS: ClassVar = {"away": "503", "drop": "cut"}
    FATES: ClassVar = {"failed": "Failed", "cancelled": "Cancelled", "queued 3": "Queued 3"}
    METHODS: ClassVar = {"status": "status", "counts": "results", "find": "find"}

    def __init__(self, folder: Path) -> None:
        from ibm import IBMQuantum

        self._service = IBMQuantum(folder)
        self.environment = self._service.environment()

    def plan(self, submit: list[str], reads: dict[str, list[str]], fates: list[str]) -> None:
        self._service.plan("fault-submit", [self.WORDS.get(kind, kind) for kind in submit])
        for method, kinds in reads.items():
            self._service.plan(f"fault-{self.METHODS[method]}", [self.WORDS.get(kind, kind) for kind in kinds])
        self._service.plan("fate", [self.FATES.get(kind, kind) for kind in fates])

    def jobs(self) -> list[tuple[str, bool]]:
        found = self._service.jobs().values()
        return [(job["tags"][0], job["fate"] not in ("Failed", "Cancelled")) for job in found]

    def close(self) -> None:
        self._service.stop()


VENDORS: dict[str, Any] = {"folder": FolderVendor, "ibm": IBMVendor}


def life(
    vendor: Vendor, folder: Path, fcidump: Path, run: Path, kill_after: float | None
) -> tuple[int | None, str, str]:
    """One process: its exit code (None where it was killed), and what it said."""
    command = [sys.executable, str(vendor.script), str(folder), str(fcidump), str(run), "18"]
    environment = {**os.environ, **vendor.environment}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        said, errors = process.communicate(timeout=DEADLINE if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        said, errors = process.communicate()
        return None, said, errors
    return process.returncode, said, errors


def sequence(service: str, seed: int, folder: Path, fcidump: Path, expected: str) -> Sequence:
    """One run through faults and kills, to its end."""
    rng = random.Random(seed)
    made = Sequence(seed)
    run = folder / "run"
    vendor: Vendor = VENDORS[service](folder / "vendor")
    began = time.monotonic()
    kills = rng.randrange(4)
    said = ""
    while made.lives < LIVES:
        made.lives += 1
        if made.lives < LIVES // 2:
            reads = {method: rng.choices(READ, k=rng.randrange(20)) for method in ("status", "counts", "find")}
            vendor.plan(rng.choices(SUBMIT, k=30), reads, rng.choices(FATES, k=30))
        else:
            vendor.plan([], {}, [])
        killing = rng.uniform(0.2, LONGEST[service]) if made.kills < kills else None
        code, said, errors = life(vendor, folder / "vendor", fcidump, run, killing)
        if code == 0:
            break
        if code is None:
            if killing is None:
                made.wrong.append(f"life {made.lives} hung")
                break
            made.kills += 1
        elif "resume" in errors:
            made.stops += 1
        else:
            made.wrong.append(f"life {made.lives} ended with {code}: {errors[-500:]}")
            break
    else:
        made.wrong.append("it never came to its end")
    if not made.wrong and said.strip() != expected:
        made.wrong.append(f"the end is {said.strip()!r}, not {expected!r}")
    jobs = vendor.jobs()
    vendor.close()
    made.jobs = len(jobs)
    made.unpaid = sum(not ran for _, ran in jobs)
    paid = Counter(tag for tag, ran in jobs if ran)
    made.wrong += [f"{tag} was paid {times} times" for tag, times in paid.items() if times > 1]
    made.seconds = round(time.monotonic() - began, 1)
    return made


def drill(folder: Path, sequences: int, workers: int, seed: int, service: str = "folder") -> list[Sequence]:
    """So many runs, several at once, each in a folder of its own."""
    import hybridq as hq

    fcidump = folder / "h2.fcidump"
    hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8", "sto-3g").to_fcidump(fcidump)
    vendor: Vendor = VENDORS[service](folder / "quiet")
    code, expected, errors = life(vendor, folder / "quiet", fcidump, folder / "quiet.run", None)
    vendor.close()
    if code != 0:
        raise RuntimeError(f"the undisturbed run failed: {errors[-1000:]}")
    with ThreadPoolExecutor(workers) as pool:
        seeds = [seed * 1_000_000 + k for k in range(sequences)]
        work = [pool.submit(sequence, service, s, folder / str(s), fcidump, expected.strip()) for s in seeds]
        return [one.result() for one in work]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", choices=list(VENDORS), default="folder")
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    name = "fault_drill.json" if options.service == "folder" else f"fault_drill_{options.service}.json"
    output = options.output or ROOT / "benchmarks" / "results" / name
    with tempfile.TemporaryDirectory() as folder:
        made = drill(Path(folder), options.sequences, options.workers, options.seed, options.service)
    wrong = [f"seed {one.seed}: {line}" for one in made for line in one.wrong]
    total = {name: sum(getattr(one, name) for one in made) for name in ("lives", "kills", "stops", "jobs", "unpaid")}
    print(
        f"{len(made)} sequences: {', '.join(f'{number} {name}' for name, number in total.items())}; {len(wrong)} wrong"
    )
    for line in wrong:
        print("WRONG", line)
    whole = {"about": about(), "total": total, "wrong": wrong, "sequences": [asdict(one) for one in made]}
    output.write_text(json.dumps(whole, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
