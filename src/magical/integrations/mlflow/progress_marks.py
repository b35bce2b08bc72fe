"""What is known of a run's way to MLflow: a small file beside its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from magical.system.atomic_files import write_text

__all__ = ["MISSED", "SENT", "UNDER_WAY", "ProgressMark", "ProgressMarkStore"]

UNDER_WAY, MISSED, SENT = "under way", "missed", "sent"


@dataclass(frozen=True)
class ProgressMark:
    """How far a run that is to be tracked has come.

    Attributes:
        state: ``under way``, ``missed`` or ``sent``.
        uri: where it was to be told, without a password.
        experiment: the experiment's name.
        line: what the command line said of tracking.
        run_id: of MLflow's run.
    """

    state: str = UNDER_WAY
    uri: str = ""
    experiment: str = ""
    line: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""


class ProgressMarkStore:
    """Keeps the marks of a project's runs; a run without one was not to be tracked.

    Args:
        folder: of the journal's runs.
    """

    NAME = "tracking.json"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, run: str) -> ProgressMark | None:
        """Give a run's mark; one that cannot be read counts as missed."""
        path = self.folder / run / self.NAME
        try:
            return ProgressMark(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            return ProgressMark(MISSED)

    def write(self, run: str, mark: ProgressMark) -> None:
        """Keep a run's mark; a run without a journal has none."""
        if run and (self.folder / run).is_dir():
            write_text(self.folder / run / self.NAME, json.dumps(asdict(mark)))

    def advance(self, run: str, state: str, run_id: str = "") -> None:
        """Say how far a run has come, if it has a mark."""
        mark = self.read(run)
        if mark is not None:
            self.write(run, replace(mark, state=state, run_id=run_id or mark.run_id))
