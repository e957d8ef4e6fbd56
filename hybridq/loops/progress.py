"""A line of progress on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from hybridq.loops.step import Step


class Progress:
    """Shows the latest step on stderr where that is a terminal; silent in batch and on other ranks.

    Args:
        wanted: True or False; None means "where stderr is a terminal".
        root: False on ranks that must stay silent.
    """

    def __init__(self, wanted: bool | None, root: bool) -> None:
        self._live: Any = None
        self._on = root and (sys.stderr.isatty() if wanted is None else wanted)

    def __enter__(self) -> Progress:
        if self._on:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def show(self, step: Step) -> None:
        """Show a step."""
        if self._live is not None:
            gradient = "" if step.gradient is None else f"  |g| {step.gradient:.1e}"
            spread = f" +- {step.stderr:.1e}" if step.stderr else ""
            self._live.update(
                f"iteration {step.number:4d}  energy {step.energy:.8f}{spread}{gradient}  "
                f"{step.evaluations} evaluations  {step.seconds:.1f} s"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
