"""A device in a process of its own: one environment runs it, another uses it, and a pipe is between them."""

from hybridq.hardware.host.server import serve
from hybridq.hardware.host.wire import PROTOCOL

__all__ = ["PROTOCOL", "serve"]
