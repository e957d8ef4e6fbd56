"""Settings for all tests."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

# The first example of many tests compiles or starts something: how long one takes says nothing.
settings.register_profile("hybridq", deadline=None)
settings.load_profile("hybridq")

# Predictions by default rates, whatever was measured on this machine; also in the processes that tests start.
CACHE = tempfile.mkdtemp(prefix="hybridq-tests-")
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
os.environ["HYBRIDQ_CACHE"] = CACHE
