"""One virtual environment for each peer, made from a file of exact versions and kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".venvs"
PYTHON = (3, 11)  # the peers' pinned wheels were tried with this one


def python_of(peer: str, base: str | None = None) -> str:
    """The interpreter that runs a peer's worker; makes the environment where it is missing or out of date.

    hybridq is measured in the environment that runs the command. `base` is the interpreter from which a new
    environment is made; by default this one where it is Python 3.11, else python3.11 from the path.

    Raises:
        RuntimeError: no Python 3.11 was found, or pip failed (its last lines are in the message).
    """
    if peer == "hybridq":
        return sys.executable
    requirements = HERE / "requirements" / f"{peer}.txt"
    home = FOLDER / peer
    python, stamp = home / "bin" / "python", home / "requirements.installed"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return str(python)
    print(f"making {home} (a few minutes, once)", file=sys.stderr)
    _run([base or _base(), "-m", "venv", "--clear", str(home)], peer)
    _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)], peer)
    stamp.write_text(requirements.read_text())
    return str(python)


def _base() -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    found = shutil.which(f"python{PYTHON[0]}.{PYTHON[1]}")
    if found is None:
        raise RuntimeError(
            f"the peers' pinned versions need Python {PYTHON[0]}.{PYTHON[1]}, and none is on the path; "
            "name one with --python"
        )
    return found


def _run(command: list[str], peer: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RuntimeError(f"the environment of {peer} could not be made: {command[0]}: {error}") from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise RuntimeError(f"the environment of {peer} could not be made: {' '.join(command)}\n{tail}")
