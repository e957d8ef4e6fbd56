"""Faults of a vendor's service and kill -9 at random instants, over a VQE of about 20 evaluations on a device.

    python -m benchmarks.fault_drill [--sequences 200] [--workers 2] [--seed 1] [--output results/fault_drill.json]

The vendor is a folder (`tests/hardware/folder_device.py`): its jobs outlive the client, its counts are drawn from state
vectors with the run's own seeds, and it fails as asked: answers lost after a job was taken, connections dropped before
that, refusals, calls that hang, jobs that fail or are cancelled. Each sequence is one run in several lives. It must
end with the same bits as the undisturbed run; a life may end early only with an error that says to resume; of all jobs
with one tag at most one may be alive (the others failed or were cancelled before they ran); no life may outlast its
deadline.
"""

from __future__ import annotations

import argparse
import json
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

from benchmarks.machine import about
from benchmarks.running import ROOT

TESTS = ROOT / "tests" / "hardware"
sys.path.insert(0, str(TESTS))
SCRIPT = TESTS / "device_script.py"
DEADLINE = 180.0  # seconds of one life
LIVES = 40
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


def life(vendor: Path, fcidump: Path, run: Path, kill_after: float | None) -> tuple[int | None, str, str]:
    """One process: its exit code (None where it was killed), and what it said."""
    command = [sys.executable, str(SCRIPT), str(vendor), str(fcidump), str(run), "18"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, errors = process.communicate(timeout=DEADLINE if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        said, errors = process.communicate()
        return None, said, errors
    return process.returncode, said, errors


def sequence(seed: int, folder: Path, fcidump: Path, expected: str) -> Sequence:
    """One run through faults and kills, to its end."""
    from folder_device import FolderDevice

    rng = random.Random(seed)
    made = Sequence(seed)
    vendor, run = folder / "vendor", folder / "run"
    device = FolderDevice(vendor)
    began = time.monotonic()
    kills = rng.randrange(4)
    said = ""
    while made.lives < LIVES:
        made.lives += 1
        if made.lives < LIVES // 2:
            device.plan_faults("submit", rng.choices(SUBMIT, k=30))
            for method in ("status", "counts", "find"):
                device.plan_faults(method, rng.choices(READ, k=rng.randrange(20)))
            device.plan_fates(rng.choices(FATES, k=30))
        else:
            device.plan_faults("submit", [])
            device.plan_fates([])
        killing = rng.uniform(0.2, 5.0) if made.kills < kills else None
        code, said, errors = life(vendor, fcidump, run, killing)
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
    jobs = device.jobs().values()
    made.jobs = len(jobs)
    made.unpaid = sum(job["fate"] in ("failed", "cancelled") for job in jobs)
    paid = Counter(job["tag"] for job in jobs if job["fate"] not in ("failed", "cancelled"))
    made.wrong += [f"{tag} was paid {times} times" for tag, times in paid.items() if times > 1]
    made.seconds = round(time.monotonic() - began, 1)
    return made


def drill(folder: Path, sequences: int, workers: int, seed: int) -> list[Sequence]:
    """So many runs, several at once, each in a folder of its own."""
    import hybridq as hq

    fcidump = folder / "h2.fcidump"
    hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8", "sto-3g").to_fcidump(fcidump)
    code, expected, errors = life(folder / "quiet", fcidump, folder / "quiet.run", None)
    if code != 0:
        raise RuntimeError(f"the undisturbed run failed: {errors[-1000:]}")
    with ThreadPoolExecutor(workers) as pool:
        seeds = [seed * 1_000_000 + k for k in range(sequences)]
        work = [pool.submit(sequence, s, folder / str(s), fcidump, expected.strip()) for s in seeds]
        return [one.result() for one in work]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "fault_drill.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = drill(Path(folder), options.sequences, options.workers, options.seed)
    wrong = [f"seed {one.seed}: {line}" for one in made for line in one.wrong]
    total = {name: sum(getattr(one, name) for one in made) for name in ("lives", "kills", "stops", "jobs", "unpaid")}
    print(
        f"{len(made)} sequences: {', '.join(f'{number} {name}' for name, number in total.items())}; {len(wrong)} wrong"
    )
    for line in wrong:
        print("WRONG", line)
    whole = {"about": about(), "total": total, "wrong": wrong, "sequences": [asdict(one) for one in made]}
    options.output.write_text(json.dumps(whole, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
