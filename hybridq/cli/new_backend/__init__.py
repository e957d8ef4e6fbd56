"""``hybridq new-backend``: write the project of a backend, complete and passing its tests, to be filled."""

from hybridq.cli.new_backend.write import run

__all__ = ["run"]
