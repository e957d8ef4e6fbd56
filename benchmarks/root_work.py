"""What rank 0 does alone for one batch of many ranks, measured piece by piece without them.

A batch has one row for each rank. The pieces are the library's own functions on data of the right size: nothing here
waits for a network.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hybridq.comm.mapping import Part, digest, judge
from hybridq.comm.ranks import SMALL
from hybridq.evaluate import Batch
from hybridq.journal.record import encode
from hybridq.loops.optimizers import Ask, Limits, Outcome, optimizer

PIECES = {
    "optimizer_ms": "DE: selection, and the next generation",
    "ask_ms": "pickle the rows that all ranks are told",
    "digest_ms": "digest of the rows, on each rank",
    "notes_ms": "unpickle and judge what the ranks tell, pickle the whole",
    "journal_ms": "encode and write the record",
}


def measure(ranks: int, parameters: int) -> dict[str, Any]:
    """Milliseconds of each piece, for a batch of `ranks` rows of `parameters` numbers."""
    rows = np.random.default_rng(1).normal(size=(ranks, parameters))
    energies = (rows**2).sum(axis=1)
    told = [Part(digest(rows), None, ((2,), "<f8"), 0.05, None, rows[k, :2].tobytes()) for k in range(ranks)]
    if SMALL // ranks < 16:  # numbers of a row do not go along with the meeting then
        told = [Part(part.digest, None, part.kind, 0.05, None, None) for part in told]
    notes = pickle.dumps([*enumerate(told)], pickle.HIGHEST_PROTOCOL)
    record = {
        "kind": "evaluation",
        "n": 1,
        "driver": "energy",
        "rows": rows,
        "energies": energies,
        "stderrs": 0 * energies,
    }
    line, _ = encode(record, 0)
    with tempfile.TemporaryFile() as file:
        journal = _seconds(lambda: os.write(file.fileno(), encode(record, 0)[0]))
    found = {
        "optimizer_ms": _generation(ranks, parameters),
        "ask_ms": _seconds(lambda: pickle.dumps(Ask(rows), pickle.HIGHEST_PROTOCOL)),
        "digest_ms": _seconds(lambda: digest(rows)),
        "notes_ms": _seconds(lambda: pickle.dumps(judge(pickle.loads(notes), ranks), pickle.HIGHEST_PROTOCOL)),
        "journal_ms": journal,
    }
    sizes = {"ask_bytes": rows.nbytes, "notes_bytes": len(notes), "journal_bytes": len(line)}
    return {"ranks": ranks, "parameters": parameters, **{k: round(1e3 * v, 4) for k, v in found.items()}, **sizes}


def show(parts: Sequence[Mapping[str, Any]]) -> None:
    """A table of the pieces."""
    print("\nrank 0 alone, one row for each rank, ms\nranks   parameters" + "".join(f"{k[:-3]:>11}" for k in PIECES))
    for part in parts:
        print(f"{part['ranks']:>6}{part['parameters']:>12} " + "".join(f"{part[k]:>11.3f}" for k in PIECES))


def _generation(rows: int, parameters: int) -> float:
    """Seconds from the values of one generation to the rows of the next."""
    search = optimizer("DE", population=max(5, rows), generations=50).search(np.zeros(parameters), Limits(), 1)
    reply: Batch | None = None
    times: list[float] = []
    asked = time.perf_counter()
    while len(times) < 6:
        message = search.send(reply)
        assert not isinstance(message, Outcome)
        reply = None
        if isinstance(message, Ask):
            times.append(time.perf_counter() - asked)
            energies = (message.rows**2).sum(axis=1)
            reply = Batch(energies, np.zeros_like(energies))
            asked = time.perf_counter()
    search.close()
    return float(np.median(times[2:]))


def _seconds(work: Callable[[], object]) -> float:
    """Median seconds of a call."""
    work()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or (len(times) < 200 and time.perf_counter() - began < 0.3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))
