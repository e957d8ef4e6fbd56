"""Damage the journal of a run in every way that can be listed, go on with it, and see what comes out.

    python -m benchmarks.corruption_drill

Cut at every byte, every bit of every byte turned, bytes lost and added, lines lost, doubled and exchanged, blocks of a
disk zeroed or replaced, records of another run. Each time the run must either go on and end with the bits of the
unbroken run, with what was cut off reported, or refuse with an error of hybridq's that names file and record. Also a
disk that is full and a folder that is read-only, each real. Prints a table and writes
benchmarks/results/corruption_drill.json; exits 1 after any other outcome.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hybridq as hq
from benchmarks import full_disk, machine
from hybridq.contract.errors import HybridqError
from hybridq.journal import read_journal
from hybridq.journal.reader import JOURNAL

NAMED = r"record \d+|not a journal|holds another run"
Damage = tuple[str, Callable[[], bytes]]  # its name, and the damaged file


class Subject:
    """A run with its folder, that can be damaged and gone on with again and again.

    Args:
        folder: where to work; best in memory.
        optimizer: its steps make the journal.
        ansatz: of H4.
        whole: let it come to its end; else it is stopped after half of its evaluations.
    """

    def __init__(self, folder: Path, optimizer: str, ansatz: str, *, whole: bool = True) -> None:
        self.problem = hq.Problem.from_xyz("; ".join(f"H 0 0 {k}" for k in range(4)), "sto-3g")
        self.problem.references()
        self.circuit = hq.ansatz(ansatz).build(self.problem)
        self.backend = hq.backend("sector", threads=1)
        self.optimizer = optimizer
        self.folder = folder / f"{optimizer}.{ansatz}.{whole}"
        self.result = self.run()
        self.told = self._told()
        if not whole:
            half = max(1, self.result.evaluations // 2)
            shutil.rmtree(self.folder)
            self.run(max_evaluations=half)
        self.journal = (self.folder / JOURNAL).read_bytes()

    def run(self, **more: Any) -> hq.VQEResult:
        """Go on with what is in the folder."""
        setting = {"optimizer": self.optimizer, "backend": self.backend, "progress": False, "gradient_tolerance": 1e-3}
        return hq.VQE(self.problem, self.circuit, run=self.folder, **setting, **more).run()

    def _told(self) -> list[dict[str, Any]]:
        journal = read_journal(self.folder / JOURNAL)
        assert journal is not None
        told = [r for r in journal.records if r["kind"] in ("evaluation", "step")]
        return [{k: v for k, v in r.items() if k != "seconds"} for r in told]

    def outcome(self, data: bytes) -> str:
        """What becomes of the run with this journal: "went on", "refused", or words for what must not be."""
        file = self.folder / JOURNAL
        file.write_bytes(data)
        torn = _not_whole(self.journal, data)
        try:
            result = self.run()
        except HybridqError as error:
            if str(self.folder) not in str(error) or not re.search(
                r"record \d+|not a journal|holds another run", str(error)
            ):
                return f"an error that does not name file and record: {error}"
            if file.read_bytes() != data:
                return "refused, and changed the file"
            return "refused"
        except BaseException as error:
            return f"a {type(error).__name__}: {error}\n{traceback.format_exc()}"
        if result.energy != self.result.energy or result.parameters.tobytes() != self.result.parameters.tobytes():
            return f"another number: {result.energy!r} and not {self.result.energy!r}"
        if self._told() != self.told:
            return "another journal than the unbroken run's"
        journal = read_journal(file)
        assert journal is not None
        said = journal.of_kind("start")[-1]["torn_bytes"]
        return "went on" if said == torn else f"went on, and reported {said} bytes as cut off, which were {torn}"


def _not_whole(good: bytes, data: bytes) -> int:
    """Bytes after the last line that is still as it was written."""
    whole = 0
    for a, b in zip(good.splitlines(keepends=True), data.splitlines(keepends=True), strict=False):
        if a != b:
            break
        whole += len(a)
    return len(data) - whole


def cuts(data: bytes) -> Iterator[Damage]:
    """Cut short at every byte."""
    for n in range(len(data) + 1):
        yield f"cut at {n}", partial(replaced, data, n, len(data), b"")


def flips(data: bytes) -> Iterator[Damage]:
    """Every bit of every byte turned, one at a time."""
    for at in range(len(data)):
        for bit in range(8):
            yield f"bit {bit} of byte {at} turned", partial(replaced, data, at, at + 1, bytes([data[at] ^ 1 << bit]))


def losses_and_gains(data: bytes) -> Iterator[Damage]:
    """Every byte lost; a byte added at every place."""
    for at in range(len(data)):
        yield f"byte {at} lost", partial(replaced, data, at, at + 1, b"")
        for added in (b"\0", b"\n", b"7", data[at : at + 1]):
            yield f"{added!r} added at {at}", partial(replaced, data, at, at, added)


def lines(data: bytes) -> Iterator[Damage]:
    """Lines lost, doubled, exchanged; line ends of another system; all of it twice."""
    parts = data.splitlines(keepends=True)
    for k in range(len(parts)):
        yield f"line {k} lost", partial(b"".join, parts[:k] + parts[k + 1 :])
        yield f"line {k} doubled", partial(b"".join, parts[: k + 1] + parts[k:])
        yield f"line {k} again at the end", partial(b"".join, [*parts, parts[k]])
        for j in range(k):
            order = [parts[k] if i == j else parts[j] if i == k else part for i, part in enumerate(parts)]
            yield f"lines {j} and {k} exchanged", partial(b"".join, order)
    yield "CRLF", partial(data.replace, b"\n", b"\r\n")
    yield "CR", partial(data.replace, b"\n", b"\r")
    yield "no line end at the end", partial(b"".join, [data[:-1]])
    yield "an empty line at the end", partial(b"".join, [data, b"\n"])
    yield "a byte order mark", partial(b"".join, [b"\xef\xbb\xbf", data])
    yield "UTF-16", partial(data.decode().encode, "utf-16")
    yield "twice", partial(b"".join, [data, data])


def zeroes(data: bytes) -> Iterator[Damage]:
    """What a loss of power leaves on some file systems: an end, or a block, of zeroes."""
    tail = sum(len(line) for line in data.splitlines(keepends=True)[-3:])
    for n in range(1, tail + 1):
        yield f"the last {n} bytes zero", partial(replaced, data, len(data) - n, len(data), bytes(n))
    for n in (1, 2, 511, 512, 4096):
        yield f"{n} zero bytes more", partial(b"".join, [data, bytes(n)])
    for at in range(0, len(data), 512):
        end = min(at + 512, len(data))
        for what, block in (("zero", bytes(512)), ("noise", random.Random(at).randbytes(512))):
            yield f"block of 512 at {at}: {what}", partial(replaced, data, at, end, block[: end - at])


def splices(data: bytes, other: bytes) -> Iterator[Damage]:
    """Records of another run in the place of this one's."""
    mine, theirs = data.splitlines(keepends=True), other.splitlines(keepends=True)
    for k in range(min(len(mine), len(theirs))):
        if mine[k] != theirs[k]:
            yield f"line {k} of another run", partial(b"".join, [*mine[:k], theirs[k], *mine[k + 1 :]])
            yield f"from line {k} another run", partial(b"".join, mine[:k] + theirs[k:])


def replaced(data: bytes, start: int, stop: int, by: bytes) -> bytes:
    """`data` with other bytes from `start` to `stop`."""
    return data[:start] + by + data[stop:]


def drawn(damages: Iterable[Damage], most: int | None, rng: random.Random) -> list[Damage]:
    """At most so many of them, each as likely as the others."""
    chosen: list[Damage] = []
    for k, damage in enumerate(damages):
        if most is None or len(chosen) < most:
            chosen.append(damage)
        elif (place := rng.randint(0, k)) < most:
            chosen[place] = damage
    return chosen


KINDS = {"cuts": cuts, "flips": flips, "losses and gains": losses_and_gains, "lines": lines, "zeroes": zeroes}


def try_all(subject: Subject, kind: str, damages: list[Damage]) -> tuple[Counter[str], list[str]]:
    """How often each outcome came, and each that must not be."""
    counts: Counter[str] = Counter()
    wrong = []
    for name, damaged in damages:
        outcome = subject.outcome(damaged())
        fine = outcome in ("went on", "refused")
        counts[outcome if fine else "wrong"] += 1
        if not fine:
            wrong.append(f"{subject.folder.name}, {kind}, {name}: {outcome}")
    return counts, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sample", type=int, help="damages of each kind at most, drawn at random; else all")
    parser.add_argument("--large", type=int, default=200, help="damages of each kind to the larger journal")
    options = parser.parse_args()
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # a run without plots ends in milliseconds
    warnings.filterwarnings("ignore", message="the plot of")
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="corruption-", dir=shm if shm.is_dir() else None))
    began, rng = time.perf_counter(), random.Random(5)
    table, wrong = [], []
    print(f"{'journal':<24}{'bytes':>7}  {'damage':<18}{'tried':>7}{'went on':>9}{'refused':>9}{'wrong':>7}")
    other = Subject(folder / "other", "SLSQP", "pccd")
    for subject, most in (
        (Subject(folder, "L-BFGS-B", "pccd"), options.sample),
        (Subject(folder, "L-BFGS-B", "pccd", whole=False), options.sample),
        (Subject(folder, "COBYLA", "uccsd"), options.large if options.sample is None else options.sample),
    ):
        kinds = {**KINDS, "another run": lambda data: splices(data, other.journal)}
        for kind, damages in kinds.items():
            chosen = drawn(damages(subject.journal), most, rng)
            counts, found = try_all(subject, kind, chosen)
            wrong += found
            row = {"tried": len(chosen), **{k: counts[k] for k in ("went on", "refused", "wrong")}}
            numbers = f"{row['tried']:>7}{row['went on']:>9}{row['refused']:>9}{row['wrong']:>7}"
            print(f"{subject.folder.name:<24}{len(subject.journal):>7}  {kind:<18}{numbers}", flush=True)
            table.append({"journal": subject.folder.name, "bytes": len(subject.journal), "damage": kind, **row})
    for name, outcome in full_disk.all_of_them(folder):
        print(f"{name}: {outcome}")
        table.append({"damage": name, "outcome": outcome})
        if not outcome.startswith(("ok", "skipped")):
            wrong.append(f"{name}: {outcome}")
    shutil.rmtree(folder)
    for line in wrong[:20]:
        print(f"WRONG {line}")
    seconds = round(time.perf_counter() - began, 1)
    print(f"{seconds} s")
    if not wrong and options.sample is None:
        machine.save("corruption_drill", {**machine.about(), "seconds": seconds, "cases": table})
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
