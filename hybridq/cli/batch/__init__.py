"""``hybridq batch``: scripts for Slurm, PBS and PJM that launch a run and go on with it until it is done."""

from hybridq.cli.batch.write import run

__all__ = ["run"]
