"""Whatever is edited, in whatever order: a run gives what plain Python gives, and runs no more than it must.

`make torture` does the same for longer.
"""

import pytest
from hypothesis import Phase, settings

from torture.machine import Edited

SOME = settings(
    max_examples=1,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


class EditedMore(Edited):
    """The same machine: pytest runs it once more, for longer."""


Edited.TestCase.settings = SOME
EditedMore.TestCase.settings = settings(SOME, max_examples=6)
TestEdited = Edited.TestCase
TestEditedMore = pytest.mark.slow(EditedMore.TestCase)
