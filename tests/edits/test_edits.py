"""Each edit of the table: results are those of a run from nothing, and a cosmetic edit runs nothing."""

import pytest

from edits.edit_table import CASES, names
from edits.harness import ForkServer, changes, check, placed


@pytest.mark.parametrize("name", names(of=24, every=5))
def test_an_edit_gives_the_results_of_a_run_from_nothing(fork_server: ForkServer, name: str) -> None:
    check(CASES[name], fork_server)


def test_each_run_has_a_clean_process(fork_server: ForkServer) -> None:
    top = "import os\nimport numpy as np\nSEEN = hasattr(np, 'of_a_case')\nnp.of_a_case = True\n"
    case = changes("[os.getpid(), SEEN]", top, "n: int", "n: float", gives="list")
    with placed(case, fork_server) as place:
        first = place.run()
        place.edit()
        second = place.run()
    assert first.values["one"] == f"[{first.pid}, False]"
    assert second.values["one"] == f"[{second.pid}, False]"
    assert first.pid != second.pid
    assert second.threads == first.threads, "a run started a thread in the process that forks"
