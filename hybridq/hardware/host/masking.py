"""Masking: texts of a vendor's client before they leave the process, without what should not be seen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

SECRET_NAME = re.compile(r"token|api_?key|secret|passw|credential|(^|_)key$|(^|_)pat$", re.IGNORECASE)
PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic|apitoken|apikey)\s+[\w.+/=~-]{8,}"), r"\1 ***"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.?[\w-]*"), "***"),  # JSON web tokens
    (re.compile(r"(?i)([a-z][a-z0-9+.-]*://)[^/\s:@]*:[^/\s@]+@"), r"\1***@"),
    (re.compile(r"(?i)(\"?\b(?:access_|refresh_|api_?)?(?:token|key|secret|password)\"?\s*[=:]\s*\"?)[^\s\"',;&)]{16,}"),
     r"\1***"),
)  # fmt: skip
SHORTEST = 6


def masked(text: str) -> str:
    """The text with "***" for the values of secret environment variables and for what looks like a credential."""
    for name, value in sorted(os.environ.items(), key=lambda item: -len(item[1])):
        if SECRET_NAME.search(name) and len(value) >= SHORTEST:
            text = text.replace(value, "***")
    for pattern, by in PATTERNS:
        text = pattern.sub(by, text)
    return text


def secrets_among(options: Mapping[str, Any]) -> list[str]:
    """Names of options that hold a secret, by their names."""
    return [name for name, value in options.items() if SECRET_NAME.search(name) and isinstance(value, str)]
