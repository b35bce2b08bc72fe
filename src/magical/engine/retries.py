"""Whether a step that failed begins again, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from magical.engine.plan import NodePlan
from magical.engine.policy import Wishes
from magical.errors import InputError, RegistryError, StepError, UnwrittenStep
from magical.events import Event, StepRetried

__all__ = ["Retries"]

_WORTH_IT = (StepError, InputError, RegistryError)


class Retries:
    """Counts the attempts of each node of a run, and says which failures are followed by another one.

    Args:
        tell: takes the event that says so.
        calm: whether anything begins again at all: not when the run is being stopped, or in a debugger.
    """

    def __init__(self, tell: Callable[[Event], None], calm: Callable[[], bool]) -> None:
        self._tell, self._calm = tell, calm
        self._attempts: Counter[str] = Counter()

    def after(self, made: NodePlan, wishes: Wishes, error: BaseException) -> float | None:
        """Give the seconds to wait before a node begins again, and say so; none if it has failed for good.

        Args:
            made: the node's key.
            wishes: what is wished for it.
            error: what its body raised.
        """
        worth = isinstance(error, _WORTH_IT) and not isinstance(error, UnwrittenStep)
        if not worth or not self._calm():
            return None
        self._attempts[made.name] += 1
        if (attempt := self._attempts[made.name]) > wishes.retries:
            return None
        wait = wishes.wait(attempt)
        self._tell(StepRetried(step=made.name, key=made.key, attempt=attempt, message=str(error), wait=wait))
        return wait
