"""The one seam for MPI: every rank runs the same script, and these verbs keep the ranks in step."""

from __future__ import annotations

from hybridq.comm.communicator import Comm
from hybridq.comm.mapping import Imbalance
from hybridq.comm.world import world

__all__ = ["Comm", "Imbalance", "world"]
