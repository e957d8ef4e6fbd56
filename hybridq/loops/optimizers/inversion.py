"""A function that calls back, turned into a generator that yields."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

R = TypeVar("R")


def invert(function: Callable[[Callable[[Any], Any]], R]) -> Generator[Any, Any, R]:
    """Run ``function(say)``; each ``say(message)`` yields the message here and returns what is sent.

    The function runs on a stack of its own (a greenlet of the same thread), so everything that happens between
    a yield and the next send happens outside of it: signals, MPI calls and errors never meet its frames.
    """
    from greenlet import GreenletExit, getcurrent, greenlet

    done: list[R] = []

    def body() -> None:
        def say(message: Any) -> Any:
            return getcurrent().parent.switch(message)

        done.append(function(say))

    child = greenlet(body)
    try:
        message = child.switch()
        while not child.dead:
            reply = yield message
            child.parent = getcurrent()
            message = child.switch(reply)
    finally:
        if not child.dead:
            child.parent = getcurrent()
            child.throw(GreenletExit)
    return done[0]
