"""One record, one line: JSON with a checksum over itself and all lines before it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from hybridq.contract.errors import InputError

SCHEMA_VERSION = 1
_MARK = b',"crc":"'
_TAIL = len(_MARK) + 8 + len(b'"}')


class DamagedLine(ValueError):
    """A line is not what was written."""


def as_json(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as JSON gives it back: tuples and arrays as lists.

    Raises:
        InputError: it holds something that JSON cannot.
    """
    import orjson

    try:
        plain: dict[str, Any] = orjson.loads(orjson.dumps(dict(spec), option=orjson.OPT_SERIALIZE_NUMPY))
    except TypeError as error:
        raise InputError(f"the settings of a run must be what JSON can hold: {error}") from None
    return plain


def encode(record: Mapping[str, Any], previous: int) -> tuple[bytes, int]:
    """The line of a record, newline included, and its checksum; `previous` is the checksum of the line before.

    Floats are written with the digits that restore the same 64 bits.
    """
    import orjson

    body = orjson.dumps(record if isinstance(record, dict) else dict(record), option=orjson.OPT_SERIALIZE_NUMPY)
    crc = zlib.crc32(body, previous)
    return body[:-1] + _MARK + b"%08x" % crc + b'"}\n', crc


def decode(line: bytes, previous: int) -> tuple[dict[str, Any], int]:
    """The record of a line without its newline, and its checksum.

    Raises:
        DamagedLine: the checksum or the JSON is wrong.
    """
    import orjson

    head, tail = line[:-_TAIL], line[-_TAIL:]
    if len(line) <= _TAIL or not tail.startswith(_MARK) or not tail.endswith(b'"}'):
        raise DamagedLine("it does not end with a checksum")
    body = head + b"}"
    crc = zlib.crc32(body, previous)
    if tail[len(_MARK) : -2] != b"%08x" % crc:
        raise DamagedLine("its checksum is wrong")
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DamagedLine(f"it is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise DamagedLine("it is not a record")
    return record, crc
