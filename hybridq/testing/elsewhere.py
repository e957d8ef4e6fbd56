"""Another process that makes the kit's backend again and looks for a job there, by its id alone."""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any

from hybridq.contract.task import Result
from hybridq.testing.promises import Kit

GRACE = 60.0  # seconds for the other process to start and end


def results_elsewhere(kit: Kit, job_id: str, timeout: float) -> list[Result]:
    """What another process gets for a job, without provenance.

    Args:
        kit: of a class at the top of a module, with a method `backend`; its attributes travel along.
        job_id: of the job.
        timeout: seconds to wait for it.

    Raises:
        AssertionError: the job was not found there, or failed.
        SkipTest: the kit's class cannot be made in another process; the text says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "found"
        asked = pickle.dumps((list(sys.path), *_address(kit), job_id, timeout, str(told)))
        # Through a pipe, not a file: a kit may hold what is secret.
        command = [sys.executable, "-m", "hybridq.testing.elsewhere"]
        try:
            done = subprocess.run(command, input=asked, capture_output=True, timeout=timeout + GRACE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"another process did not get job {job_id!r} within {timeout:g} s") from None
        if done.returncode or not told.exists():
            words = " ".join(done.stderr.decode(errors="replace").split())[-400:]
            raise AssertionError(f"another process did not get job {job_id!r}: {words or 'it ended without a word'}")
        found: list[Result] = pickle.loads(told.read_bytes())
        return found


def _address(kit: Kit) -> tuple[str, str, str, bytes]:
    """Module, its file, the class's name in it, and the kit's attributes."""
    cls = type(kit)
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if "<locals>" in cls.__qualname__ or file is None:
        raise unittest.SkipTest(
            f"{cls.__qualname__} cannot be made in another process: it must stand at the top of a module"
        )
    try:
        state = pickle.dumps(vars(kit))
    except Exception as error:
        raise unittest.SkipTest(f"{cls.__qualname__} cannot be made in another process: {error}") from error
    return cls.__module__, file, cls.__qualname__, state


def _load(name: str, file: str) -> Any:
    if name != "__main__":
        try:
            return importlib.import_module(name)
        except ImportError:  # a test module that pytest read by its path
            pass
    spec = importlib.util.spec_from_file_location("hybridq_testing_kit" if name == "__main__" else name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Read from stdin what is to be found, and write the results to the file that it names."""
    asked = pickle.load(io.BytesIO(sys.stdin.buffer.read()))
    sys.path[:], name, file, qualified, state, job_id, timeout, told = asked
    made: Any = _load(name, file)
    for part in qualified.split("."):
        made = getattr(made, part)
    kit = made.__new__(made)
    kit.__dict__.update(pickle.loads(state))
    results = kit._backend().job(job_id).result(timeout)
    Path(told).write_bytes(pickle.dumps([replace(result, provenance={}) for result in results]))


if __name__ == "__main__":
    main()
