"""Kill runs at random instants, go on with them, and hold what comes out to the run that nobody killed.

    python -m benchmarks.kill_drill --kills 200

A run of each case goes through lives: a life starts under mpiexec on a random number of ranks and is ended by SIGKILL
to a random one of its processes at a random instant of start-up, evaluation, writing or the last writes; the next one
goes on, until one comes to its end. Then parameters, energies and journal must be those of the unbroken run, and the
backend's own log must show that nothing was evaluated twice but what was in flight. Prints a table and writes
benchmarks/results/kill_drill.json; exits 1 after any mismatch, with the folders kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

import hybridq as hq
from benchmarks import machine
from benchmarks.drill_run import CASES, GEOMETRY, PAUSE
from benchmarks.launching import Life
from hybridq.journal import read_journal

JOURNAL = "journal.jsonl"
MOMENTS = {"start-up": 4, "evaluating": 9, "writing": 4, "end": 3}  # how often each is aimed at
TARGETS = {"rank 0": 6, "another rank": 6, "mpiexec": 3, "all": 3}
START_UP = 1.5  # seconds within which a kill that is aimed at the start-up falls
LAST_WRITES = 1.2  # seconds after the end record within which one that is aimed at the end falls
PHASES = (
    "before the first record", "start-up or replay", "evaluating", "between evaluations", "in a write", "after the end",
)  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """One kill, and how it was found to be afterwards."""

    case: str
    ranks: int
    target: str
    aimed: str
    phase: str
    rows_in_flight: int
    seconds_to_end: float


class State:
    """What a run folder and the log of one life say.

    Attributes:
        evaluations, steps: records without their seconds, as they follow one another, growths among the steps.
        ends: bytes of the journal up to the end of each evaluation record.
        kinds: how many records of each kind there are.
        torn: bytes of a record whose writing was cut short; None where there is no whole record.
    """

    def __init__(self, run: Path) -> None:
        journal = read_journal(run / JOURNAL) if (run / JOURNAL).exists() else None
        self.torn = None if journal is None else journal.torn
        records = () if journal is None else journal.records
        self.kinds = Counter(r["kind"] for r in records)
        told = [r for r in records if r["kind"] in ("evaluation", "step", "growth")]
        self.told = [{k: v for k, v in r.items() if k != "seconds"} for r in told]
        lengths, at = [], 0
        if journal is not None:
            for line in (run / JOURNAL).read_bytes()[: journal.length].splitlines(keepends=True):
                at += len(line)
                lengths.append(at)
        self.ends = [at for at, r in zip(lengths[1:], records, strict=True) if r["kind"] == "evaluation"]


def rows_by_evaluation(log: Path, ends: Sequence[int]) -> dict[int, Counter[str]]:
    """Rows that a life computed, by the number of the evaluation that they belong to."""
    found: dict[int, Counter[str]] = {}
    for line in log.read_text().splitlines() if log.exists() else []:
        length, row = line.split(" ", 1)
        number = sum(end <= int(length) for end in ends)
        found.setdefault(number, Counter())[row] += 1
    return found


def twice(before: State, after: State, rows: dict[int, Counter[str]], whole: dict[int, Counter[str]]) -> list[str]:
    """What a life computed that it should not have, or has in its record without having computed it."""
    wrong = []
    first, last = len(before.ends), len(after.ends)
    for number in range(first, last):
        if rows.get(number, Counter()) != whole[number]:
            wrong.append(f"evaluation {number} is recorded, and its rows are not those of the unbroken run, once each")
    for number, some in rows.items():
        if not first <= number <= last:
            wrong.append(f"evaluation {number} was computed by a life that began with {first} on record")
        elif number == last and some - whole.get(number, Counter()):
            wrong.append(f"evaluation {number}, in flight, has rows twice or rows that the unbroken run has not")
    return wrong


def phase_of(before: State, after: State, in_flight: int) -> str:
    """Where a kill fell, by what is on disk."""
    if after.torn is None:
        return "before the first record"
    if after.torn:
        return "in a write"
    if after.kinds["end"] > before.kinds["end"]:
        return "after the end"
    if in_flight:
        return "evaluating"
    if after.kinds["start"] == before.kinds["start"] or after.ends == before.ends:
        return "start-up or replay"
    return "between evaluations"


def outcome(run: Path) -> dict[str, Any]:
    """What result.json says, without what may differ: seconds, ranks, host, folder."""
    data = json.loads((run / "result.json").read_text())
    for name in ("seconds", "provenance", "run", "replayed", "predicted"):
        del data[name]
    del data["history"]["seconds"]
    return dict(data)


class Drill:
    """Runs of all cases, and what became of them.

    Args:
        folder: where they are.
        ranks: numbers of ranks to draw from.
        seed: of all that is drawn.
    """

    def __init__(self, folder: Path, ranks: Sequence[int], seed: int) -> None:
        self.folder = folder
        self.ranks = list(ranks)
        self.rng = random.Random(seed)
        self.fcidump = folder / "h4.fcidump"
        hq.Problem.from_xyz(GEOMETRY, "sto-3g").to_fcidump(self.fcidump)
        self.kills: list[Kill] = []
        self.wrong: list[str] = []
        self.lives = self.finished = self.rows = self.recorded_rows = 0
        self._whole: dict[str, tuple[State, dict[int, Counter[str]], dict[str, Any]]] = {}

    def words(self, case: str, run: Path, log: Path) -> list[str]:
        """What starts a life."""
        return ["-m", "benchmarks.drill_run", case, str(self.fcidump), str(run), str(log)]

    def whole(self, case: str) -> tuple[State, dict[int, Counter[str]], dict[str, Any]]:
        """The unbroken run of a case, on one rank: its records, the rows of each evaluation, its outcome."""
        if case not in self._whole:
            run, log = self.folder / f"{case}.whole", self.folder / f"{case}.whole.log"
            life = Life(1, self.words(case, run, log), self.folder / f"{case}.whole.out")
            life.end(300.0)
            if life.process.returncode:
                raise RuntimeError(f"the unbroken run of {case} failed: {life.output.read_text()[-2000:]}")
            state = State(run)
            self._whole[case] = state, rows_by_evaluation(log, state.ends), outcome(run)
        return self._whole[case]

    def run(self, case: str, kills: int) -> None:
        """One run: killed up to `kills` times, then left to its end and compared."""
        name = f"{case}.{self.finished}"
        run = self.folder / name
        state, rows, result = self.whole(case)
        left, number = kills, 0
        while True:
            failed = len(self.wrong)
            ended = self._life(case, run, number, left > 0)
            number += 1
            if ended:
                break
            if len(self.wrong) > failed + 5 or (left <= 0 and len(self.wrong) > failed):
                self._note(name, "given up")
                return
            left = min(left - 1, 1) if State(run).kinds["end"] else left - 1
        after = State(run)
        if after.told != state.told:
            n = next((i for i, (a, b) in enumerate(zip(after.told, state.told, strict=False)) if a != b), -1)
            self._note(name, f"the journal differs from the unbroken run's: record {n} of evaluations and steps")
        if outcome(run) != result:
            names = [k for k, v in outcome(run).items() if v != result.get(k)]
            self._note(name, f"result.json differs from the unbroken run's in {names}")
        if after.torn:
            self._note(name, f"{after.torn} bytes of a torn record are left at the end")
        self.finished += 1
        self.recorded_rows += sum(sum(c.values()) for c in rows.values())
        print(f"{name:<12} {number:>3} lives, {len(self.wrong)} mismatches so far, {len(self.kills)} kills", flush=True)

    def _life(self, case: str, run: Path, number: int, may_die: bool) -> bool:
        """One life; whether it came to its own end."""
        before = State(run)
        log = self.folder / f"{run.name}.{number}.log"
        n = self.rng.choice(self.ranks)
        life = Life(n, self.words(case, run, log), log.with_suffix(".out"))
        self.lives += 1
        aimed = self.rng.choices([*MOMENTS], [*MOMENTS.values()])[0]
        target = None
        if may_die and self._wait(life, aimed, case, run, log, before):
            target = self._kill(life)
        try:
            seconds = life.end(300.0 if target is None else 30.0)
        except RuntimeError as error:
            self._note(run.name, f"life {number} on {n} ranks, {target or 'nothing'} killed: {error}")
            seconds = 30.0
        after = State(run)
        rows = rows_by_evaluation(log, after.ends)
        self.rows += sum(sum(c.values()) for c in rows.values())
        for line in twice(before, after, rows, self.whole(case)[1]):
            self._note(run.name, f"life {number}: {line}")
        if target is None:
            if life.process.returncode:
                self._note(run.name, f"life {number} failed by itself: {life.output.read_text()[-1500:]}")
            return life.process.returncode == 0
        if life.process.returncode == 0:
            return True  # it was through before the signal reached it
        in_flight = sum(rows.get(len(after.ends), Counter()).values())
        self.kills.append(Kill(case, n, target, aimed, phase_of(before, after, in_flight), in_flight, seconds))
        return False

    def _wait(self, life: Life, aimed: str, case: str, run: Path, log: Path, before: State) -> bool:
        """Wait for the instant; False where the life ended earlier."""
        state, rows, _ = self.whole(case)
        journal = run / JOURNAL
        rows_left = sum(sum(rows[n].values()) for n in range(len(before.ends), len(state.ends)))
        records_left = len(state.told) - len(before.told)
        if aimed == "start-up":
            began, pause = time.perf_counter(), self.rng.uniform(0, START_UP)
            return _until(life, lambda: time.perf_counter() - began >= pause, 1e-3)
        if aimed == "evaluating" and rows_left:
            wanted = self.rng.randint(1, 1 + rows_left // 4)
            reached = _until(life, lambda: log.exists() and log.read_bytes().count(b"\n") >= wanted, 5e-4)
            time.sleep(self.rng.uniform(0, 2 * PAUSE))
        elif aimed == "writing" and records_left:
            changes = Changes(journal)
            wanted = self.rng.randint(1, 1 + records_left // 4)
            reached = _until(life, lambda: changes.count() >= wanted, 5e-5)
            time.sleep(self.rng.choice((0, 0, 1e-4, 1e-3)))
        else:
            reached = _until(life, lambda: journal.exists() and _ends(journal) > before.kinds["end"], 2e-3)
            time.sleep(self.rng.uniform(0, LAST_WRITES))
        return reached and not life.over

    def _kill(self, life: Life) -> str:
        """SIGKILL to one of the processes, or to all of them at once; which one."""
        members: dict[str, psutil.Process] = {}
        with suppress(psutil.Error):
            members = life.members()
        target = self.rng.choices([*TARGETS], [*TARGETS.values()])[0]
        others = [name for name in members if name.startswith("rank") and name != "rank 0"]
        chosen = [self.rng.choice(others)] if target == "another rank" and others else [target]
        if target == "all":
            chosen = [*members]
        victims = [members[name] for name in chosen if name in members]
        if not victims:  # not born yet, or no such rank
            target, victims = "mpiexec", [psutil.Process(life.process.pid)]
        for victim in victims:
            with suppress(psutil.Error):
                victim.send_signal(signal.SIGKILL)
        return target

    def _note(self, name: str, text: str) -> None:
        self.wrong.append(f"{name}: {text}")
        print(f"MISMATCH {self.wrong[-1]}", flush=True)


class Changes:
    """Counts how often a file was seen to have another length."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._length = self._now()
        self._seen = 0

    def count(self) -> int:
        """Changes so far."""
        now = self._now()
        self._seen, self._length = self._seen + (now != self._length), now
        return self._seen

    def _now(self) -> int:
        return self._file.stat().st_size if self._file.exists() else 0


def _until(life: Life, reached: Callable[[], bool], pause: float) -> bool:
    """Look now and then; False where the life ended before."""
    while not reached():
        if life.over:
            return False
        time.sleep(pause)
    return True


def _ends(journal: Path) -> int:
    with open(journal, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        return file.read().count(b'"kind":"end"')


def report(drill: Drill, seconds: float) -> dict[str, Any]:
    """The table, printed, and all of it as JSON."""
    kills = drill.kills
    print(f"\n{'killed':<26}" + "".join(f"{target:>14}" for target in TARGETS) + f"{'sum':>7}")
    for phase in PHASES:
        row = [sum(k.phase == phase and k.target == target for k in kills) for target in TARGETS]
        print(f"{phase:<26}" + "".join(f"{n:>14}" for n in row) + f"{sum(row):>7}")
    slow = [k.seconds_to_end for k in kills]
    lost = sum(k.rows_in_flight for k in kills)
    print(
        f"{len(kills)} kills, {drill.lives} lives, {drill.finished} runs; {drill.recorded_rows} rows needed, "
        f"{drill.rows} computed, {lost} of them in flight at a kill; {len(drill.wrong)} mismatches; "
        f"the other ranks were gone after {statistics.median(slow):.2f} s (median), {max(slow):.2f} s (longest); "
        f"{seconds:.0f} s"
    )
    return {
        **machine.about(),
        "kills": len(kills),
        "lives": drill.lives,
        "runs": drill.finished,
        "rows_needed": drill.recorded_rows,
        "rows_computed": drill.rows,
        "rows_in_flight_at_kills": lost,
        "mismatches": drill.wrong,
        "seconds_to_end_median": round(statistics.median(slow), 3),
        "seconds_to_end_max": round(max(slow), 3),
        "seconds": round(seconds, 1),
        "by_phase": {phase: dict(Counter(k.target for k in kills if k.phase == phase)) for phase in PHASES},
        "each": [asdict(k) for k in kills],
    }


def drill(folder: Path, kills: int, ranks: Sequence[int], cases: Sequence[str], seed: int) -> Drill:
    """As many kills as asked for, over runs of the cases in turn."""
    made = Drill(folder, ranks, seed)
    while len(made.kills) < kills:
        for case in cases:
            if len(made.kills) < kills and len(made.wrong) < 20:
                made.run(case, min(kills - len(made.kills), made.rng.randint(5, 16)))
        if len(made.wrong) >= 20:
            break
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--optimizer", nargs="+", choices=[*CASES], default=[*CASES], help="cases to run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the runs; else it is removed where all went well")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="kill-drill-"))
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    made = drill(folder, options.kills, options.ranks, options.optimizer, options.seed)
    found = report(made, time.perf_counter() - began)
    if made.wrong:
        print(f"the runs are kept in {folder}")
    else:
        machine.save("kill_drill", found)
        if options.keep is None:
            shutil.rmtree(folder)
    return int(bool(made.wrong))


if __name__ == "__main__":
    sys.exit(main())
