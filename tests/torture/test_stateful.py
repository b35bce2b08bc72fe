"""The random edits of tests/engine/test_stateful.py, different each time, and many more."""

import os

from hypothesis import settings

from torture.machine import Edited


class Longer(Edited):
    """The same machine, with its own settings."""


Longer.TestCase.settings = settings(
    max_examples=int(os.environ.get("EDITED", "300")), stateful_step_count=40, deadline=None, database=None
)
TestLonger = Longer.TestCase
