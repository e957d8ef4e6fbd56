"""A pool as JSON text from which it can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hybridq.contract.circuit_file import generator_from_data, generator_to_data
from hybridq.contract.errors import InputError
from hybridq.contract.pool import PoolElement

SCHEMA_VERSION = 1


def to_text(pool: Sequence[PoolElement]) -> str:
    """The elements as JSON; floats carry the digits that restore the same 64 bits."""
    import orjson

    elements = [
        {"label": e.label, "terms": [{**generator_to_data(g), "scale": scale} for g, scale in e.terms]} for e in pool
    ]
    return orjson.dumps({"schema_version": SCHEMA_VERSION, "elements": elements}).decode()


def from_text(text: str) -> tuple[PoolElement, ...]:
    """The elements that `to_text` wrote.

    Raises:
        InputError: the text is something else, or of a newer version.
    """
    import orjson

    try:
        data: dict[str, Any] = orjson.loads(text)
        if data["schema_version"] > SCHEMA_VERSION:
            raise InputError(f"the pool has schema version {data['schema_version']}; install a newer hybridq")
        return tuple(
            PoolElement(tuple((generator_from_data(t), t["scale"]) for t in e["terms"]), e["label"])
            for e in data["elements"]
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"this is no pool that hybridq wrote: {error!r}") from None
