"""Progress marks: small files beside the journals of runs, which say how far MLflow has received a run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from magical.system.atomic_files import write_text
from magical.system.state_files import read_state

__all__ = ["MISSED", "SENT", "UNDER_WAY", "ProgressMark", "ProgressMarkStore"]

UNDER_WAY, MISSED, SENT = "under way", "missed", "sent"


@dataclass(frozen=True)
class ProgressMark:
    """The state of a run's tracking in MLflow.

    Attributes:
        state: ``under way``, ``missed`` or ``sent``.
        uri: the address of the database or server, without a password.
        experiment: the name of the experiment in MLflow.
        line: the tracking options of the command line.
        run_id: the id of the run in MLflow.

    Example:
        >>> ProgressMark(experiment="campaign").state
        'under way'
    """

    state: str = UNDER_WAY
    uri: str = ""
    experiment: str = ""
    line: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""


class ProgressMarkStore:
    """The marks of a project's runs; a run without a mark is not tracked.

    Args:
        folder: the folder of the journal's runs.

    Example:
        >>> print(ProgressMarkStore(Path("no-such-folder")).read("20240101-a"))
        None
    """

    NAME = "tracking.json"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, run: str) -> ProgressMark | None:
        """Read the mark of a run; an unreadable one counts as missed, so that ``sync`` sends the run."""
        path = self.folder / run / self.NAME
        if not os.path.lexists(path):
            return None
        return read_state(path, _build_mark, self.folder) or ProgressMark(MISSED)

    def write(self, run: str, mark: ProgressMark) -> None:
        """Write the mark of a run, unless the run has no journal."""
        if run and (self.folder / run).is_dir():
            write_text(self.folder / run / self.NAME, json.dumps(asdict(mark)))

    def advance(self, run: str, state: str, run_id: str = "") -> None:
        """Change the state of a run, and its MLflow id if one is given; do nothing if it has no mark."""
        mark = self.read(run)
        if mark is not None:
            self.write(run, replace(mark, state=state, run_id=run_id or mark.run_id))


def _build_mark(fields: dict[str, Any]) -> ProgressMark:
    """Build a mark from its JSON object; raise a TypeError if a field has another type."""
    mark = ProgressMark(**fields)
    texts = (mark.state, mark.uri, mark.experiment, mark.run_id)
    if not all(isinstance(text, str) for text in texts) or not isinstance(mark.line, dict):
        raise TypeError("a field of another type")
    return mark
