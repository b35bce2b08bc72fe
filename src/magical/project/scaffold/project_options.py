"""Options of a project that is written from data files, as the command line gives them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

__all__ = ["NO_OPTIONS", "ProjectOptions"]


@dataclass(frozen=True)
class ProjectOptions:
    """Options of a project that is written from data files; empty where the data decide.

    Attributes:
        task: the kind of the target.
        time: the column of a row's time, by which the rows are split, so that the last ones are test.
        group: the column of the entity whose rows stay together in one part.
        metric: the deciding metric: one of ours, or a scorer of scikit-learn.
        budget: the time to search for a model, such as ``60s`` or ``5m``, or in seconds.
        copies_data: True to copy the files into the project, False to read them where they are.

    Example:
        >>> ProjectOptions(task="classes", budget="5m").to_words()
        ['--task', 'classes', '--budget', '5m']
    """

    task: Literal["", "classes", "number"] = ""
    time: str = ""
    group: str = ""
    metric: str = ""
    budget: str = ""
    copies_data: bool = True

    def to_words(self) -> list[str]:
        """Write the options as words of a command line, quoted for a shell."""
        names = ("task", "time", "group", "metric", "budget")
        given = {name: getattr(self, name) for name in names if getattr(self, name)}
        return [word for name, value in given.items() for word in (f"--{name}", shlex.quote(value))]


NO_OPTIONS = ProjectOptions()
