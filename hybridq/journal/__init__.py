"""The journal of a run: an append-only record from which a loop can be replayed exactly."""

from __future__ import annotations

from hybridq.journal.folder import RunFolder
from hybridq.journal.reader import Journal, read_journal

__all__ = ["Journal", "RunFolder", "read_journal"]
