"""Processors, memory and Numba's cache."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hybridq.cli.checks.finding import Finding, ask
from hybridq.contract.errors import HybridqError
from hybridq.contract.launcher import launch
from hybridq.contract.memory import available_memory, group_memory
from hybridq.contract.threads import available_threads, cpu_quota, ranks_on_node
from hybridq.registry import BACKENDS


def processors() -> Iterator[Finding]:
    """Model, and the threads that hybridq takes with the reason."""
    yield Finding("ok", "CPU", f"{cpu_model()}, {os.cpu_count()} processors")
    try:
        threads = available_threads()
    except HybridqError as error:
        yield Finding("fail", "threads", str(error), "correct or unset the variable")
        return
    yield Finding("ok", "threads", f"{threads} ({_why_so_many()})")


def memory() -> Iterator[Finding]:
    """What this process may still take."""
    try:
        room = available_memory()
    except HybridqError as error:
        yield Finding("fail", "memory", str(error), "correct or unset the variable")
        return
    if "HYBRIDQ_MEMORY" in os.environ:
        why = "HYBRIDQ_MEMORY"
    else:
        import psutil

        why = f"of {psutil.virtual_memory().total / 2**30:.1f} GiB in the machine"
        left = group_memory()
        if left is not None:
            why += f", control group leaves {left / 2**30:.1f} GiB"
    text = f"{room / 2**30:.1f} GiB may be taken ({why})"
    if room < 1 << 30:
        yield Finding("warn", "memory", text, "less than 1 GiB: end other programs, or raise the limit")
    else:
        yield Finding("ok", "memory", text)


def compiled_code_cache() -> Iterator[Finding]:
    """Whether Numba can keep compiled kernels between two processes."""
    for folder, why in _cache_folders():
        if _can_write(folder):
            yield Finding("ok", "Numba cache", f"{folder} ({why})")
            return
    yield Finding(
        "warn",
        "Numba cache",
        "no folder for compiled kernels can be written, so every process compiles them again",
        "set NUMBA_CACHE_DIR to a folder that can be written",
    )


def cpu_model() -> str:
    """Name of the processor, as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip().lower() in ("model name", "cpu model", "cpu"):
                return value.strip()
    except OSError:
        pass
    if platform.system() == "Darwin":
        answer = ask(["sysctl", "-n", "machdep.cpu.brand_string"], 5.0)
        if answer.code == 0 and answer.out.strip():
            return answer.out.strip()
    return platform.processor() or platform.machine()


def _why_so_many() -> str:
    for name in ("HYBRIDQ_NUM_THREADS", "OMP_NUM_THREADS"):
        if name in os.environ:
            return f"{name}={os.environ[name]}"
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, ranks = cpu_quota(), ranks_on_node(launch())
    shared = f", shared by {ranks} ranks on this node" if ranks > 1 else ""
    if quota is not None and math.floor(quota) < affinity:
        return f"control group allows {quota:g} processors{shared}"
    return f"CPU affinity allows {affinity}{shared}"


def _cache_folders() -> Iterator[tuple[Path, str]]:
    """Where Numba looks, in its order: its variable, beside the source, the user's cache."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"]), "NUMBA_CACHE_DIR"
        return
    for point in importlib.metadata.entry_points(group=BACKENDS):
        package = point.value.partition(":")[0].partition(".")[0]
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent / "__pycache__", f"beside backend {point.name}"
    if platform.system() == "Darwin":
        yield Path.home() / "Library/Caches/numba", "the user's cache"
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba", "the user's cache"


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
