"""The whole table of edits; `make test-slow` runs one of twenty-four."""

import pytest

from edits.edit_table import CASES
from edits.harness import ForkServer, check


@pytest.mark.parametrize("name", CASES)
def test_an_edit_gives_the_results_of_a_run_from_nothing(fork_server: ForkServer, name: str) -> None:
    check(CASES[name], fork_server)
