"""Looking at a run from outside, whether it is living, finished or dead. Nothing here writes into its folder."""

from __future__ import annotations

from hybridq.loops.inspection.describing import status
from hybridq.loops.inspection.figure import plot_run
from hybridq.loops.inspection.run_status import Growth, Life, PendingJob, Point, RunStatus
from hybridq.loops.inspection.tables import TABLES, Table, table

__all__ = ["TABLES", "Growth", "Life", "PendingJob", "Point", "RunStatus", "Table", "plot_run", "status", "table"]
