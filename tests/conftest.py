"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# The first example of many tests compiles or starts something: how long one takes says nothing.
settings.register_profile("hybridq", deadline=None)
settings.load_profile("hybridq")
