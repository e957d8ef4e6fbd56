"""What a backend lacks, derived exactly from what it offers."""

from __future__ import annotations

from hybridq.derive.complete import complete, derivable
from hybridq.derive.density import rdm_from_results, rdm_tasks
from hybridq.derive.lowering import speaking
from hybridq.derive.shift import gradient_from_result, gradient_task

__all__ = [
    "complete",
    "derivable",
    "gradient_from_result",
    "gradient_task",
    "rdm_from_results",
    "rdm_tasks",
    "speaking",
]
