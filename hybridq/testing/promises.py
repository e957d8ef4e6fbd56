"""What a promise is: a test that a subclass cannot drop in silence, and how promises run without pytest."""

from __future__ import annotations

import functools
import unittest
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from hybridq.contract.errors import InputError

PREFIX = "test_"


def promise(test: Callable[[Any], None]) -> Callable[[Any], None]:
    """Mark a method as a promise; where it is among `expected_failures` it must fail, and then counts as skipped."""

    @functools.wraps(test)
    def run(self: Kit) -> None:
        if not __debug__:
            raise InputError("python -O removes the kit's assertions, so that any backend would pass; run without -O")
        reason = self.expected_failures.get(test.__name__.removeprefix(PREFIX))
        if reason is None:
            test(self)
            return
        try:
            test(self)
        except unittest.SkipTest:
            raise
        except Exception as error:
            raise unittest.SkipTest(f"fails as stated ({reason}): {type(error).__name__}") from error
        raise AssertionError(f"kept, though expected_failures says {reason!r}: take it out of expected_failures")

    run.__promise__ = True  # type: ignore[attr-defined]
    return run


class Kit:
    """Base of conformance kits: keeps promises from being overridden or deleted without a stated reason.

    Attributes:
        expected_failures: promise (method name without ``test_``) to the reason why it is not kept.
    """

    expected_failures: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_changes(cls)

    @classmethod
    def promises(cls) -> list[str]:
        """Names of all promises, in the order in which they are written."""
        found: dict[str, None] = {}
        for base in reversed(cls.__mro__):
            found.update({name: None for name, member in vars(base).items() if hasattr(member, "__promise__")})
        return [name.removeprefix(PREFIX) for name in found]


def refuse_changes(cls: type[Kit]) -> None:
    """Hold a subclass to the promises as they were written.

    Raises:
        InputError: a promise was overridden or deleted without a reason in `expected_failures`, or a reason is
            empty or given for something that is no promise.
    """
    known = cls.promises()
    for name, reason in cls.expected_failures.items():
        if name not in known:
            raise InputError(f"{cls.__name__}.expected_failures names {name!r}, which is no promise; known: {known}")
        if not isinstance(reason, str) or not reason.strip():
            raise InputError(f"{cls.__name__}.expected_failures gives no reason for {name!r}; say why in words")
    for name in known:
        if not hasattr(getattr(cls, PREFIX + name, None), "__promise__") and name not in cls.expected_failures:
            raise InputError(
                f"{cls.__name__} overrides or deletes the promise {name!r}; keep it, or name it in "
                f'expected_failures = {{"{name}": "the reason"}}'
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one promise went.

    Attributes:
        promise: its name in words.
        verdict: "pass", "fail" or "skip".
        reason: why it failed or was skipped; empty for a pass.
    """

    promise: str
    verdict: Literal["pass", "fail", "skip"]
    reason: str = ""


def check(kit: Kit, only: str = "") -> Iterable[Outcome]:
    """Run the promises of `kit` whose name contains `only`, one at a time, without pytest."""
    for name in type(kit).promises():
        if only not in name:
            continue
        words = name.replace("_", " ")
        test = getattr(kit, PREFIX + name)
        if test is None:
            yield Outcome(words, "skip", f"deleted as stated ({kit.expected_failures.get(name)})")
            continue
        try:
            test()
        except unittest.SkipTest as skip:
            yield Outcome(words, "skip", str(skip))
        except Exception as error:
            text = " ".join(str(error).split())
            reason = text if isinstance(error, AssertionError) and text else f"{type(error).__name__}: {text}"
            yield Outcome(words, "fail", reason)
        else:
            yield Outcome(words, "pass")
