"""Policy and tracking: wishes about a run, apart from facts about its steps. Never in a key."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field

from magical.settings import Settings

__all__ = ["Policy", "Tracking"]


class Policy(Settings):
    """How a run is carried out.

    Attributes:
        runner: where steps run.
        workers: how many steps run at a time.
    """

    runner: Literal["local"] = "local"
    workers: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 8), ge=1, le=256)


class Tracking(Settings):
    """Where runs and models are recorded.

    Attributes:
        enabled: whether a run is recorded in MLflow.
        uri: MLflow's tracking server or database; empty for the project's own in ``.magical``.
        registry_uri: its model registry, if that is elsewhere.
        experiment: the experiment's name; empty for the workflow's.
    """

    enabled: bool = True
    uri: str = ""
    registry_uri: str = ""
    experiment: str = ""
