"""Whatever is edited, in whatever order: a run gives what plain Python gives, and runs no more than it must.

`make torture` does the same for longer.
"""

from hypothesis import Phase, settings

from torture.machine import Edited

Edited.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=18,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
TestEdited = Edited.TestCase
