"""Compiled kernels are kept on disk, and many processes may start at once on an empty cache."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import hybridq as hq
result = hq.VQE(hq.Problem.from_xyz("H 0 0 0; H 0 0 1", "sto-3g"), progress=False).run()
from hybridq_sector import sweep_kernels
stats = sweep_kernels.sweep_forward.stats
print(round(result.energy, 9), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def start(cache):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def test_processes_that_start_together_on_an_empty_cache_all_succeed_and_the_next_finds_it_filled(tmp_path):
    together = [start(tmp_path) for _ in range(3)]
    outputs = [process.communicate(timeout=300) for process in together]
    assert [process.returncode for process in together] == [0, 0, 0], outputs
    energies = {out.split()[0] for out, _ in outputs}
    out, errors = start(tmp_path).communicate(timeout=300)
    energy, hits, misses = out.split()
    assert energies == {energy}, errors
    assert (int(hits), int(misses)) == (1, 0)
