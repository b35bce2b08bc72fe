"""Policy and tracking: wishes about a run, apart from facts about its steps. Never in a key."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from magical.errors import SettingsError, did_you_mean
from magical.graph import Graph, Node
from magical.settings import Settings

__all__ = ["NodePolicy", "Policy", "StepPolicy", "TrackingSettings"]

_SCHEMES = {"http", "https", "file", "databricks", "databricks-uc", "uc"}
_DATABASE_SCHEMES = {"sqlite", "postgresql", "mysql", "mssql"}

MAX_RETRY_DELAY = 600.0
"""Seconds between two attempts, at most."""


class StepPolicy(Settings):
    """What is wished for one step; what is not given is as for all steps.

    Attributes:
        retries: how often it begins again after a failure.
        backoff: seconds before the first retry; twice as long before each further one, ten minutes at most.
        timeout: seconds; it then runs in a process of its own, which is ended when the time is up.
        workers: how many of its nodes run at a time.
        tags: of its tasks in Prefect, beside those of the run; Prefect can limit how many tasks of a tag run
            at a time, over all runs.
    """

    retries: int | None = Field(default=None, ge=0, le=100)
    backoff: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    workers: int | None = Field(default=None, ge=1, le=256)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodePolicy:
    """What holds for one node: a step's own wishes, else those for all."""

    retries: int = 0
    backoff: float = 1.0
    timeout: float | None = None
    workers: int | None = None
    tags: tuple[str, ...] = ()

    def retry_delay(self, attempt: int) -> float:
        """Give the seconds to wait after an attempt, counted from 1.

        Example:
            >>> [NodePolicy(backoff=0.5).retry_delay(n) for n in (1, 2, 3)]
            [0.5, 1.0, 2.0]
        """
        return min(self.backoff * 2.0 ** (attempt - 1), MAX_RETRY_DELAY)


class Policy(Settings):
    """How a run is carried out.

    Attributes:
        runner: who runs the steps: ``local``, this process alone; or ``prefect``, as tasks of a flow run.
        cluster: where bodies run: empty for threads of this process; ``dask`` for as many processes of this
            machine as there are workers; or the address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``.
        server: the API of Prefect's server, such as ``http://127.0.0.1:4200/api``; empty for the one that
            Prefect is set up for, or else that of ``magical ui``.
        store: where artifacts live: empty for ``.magical/store``, or any path of fsspec, such as
            ``s3://bucket/campaign``, that workers elsewhere reach, too. Not on the command line.
        workers: how many steps run at a time.
        retries: how often a step begins again after it raised, its source did not answer, or its time was up.
        backoff: seconds before the first retry; twice as long before each further one, ten minutes at most.
        timeout: seconds a step may take; none by default. A step with a timeout runs in a process of its own.
        tags: of the flow run in Prefect.
        steps: the same for single steps, by the name of a step or of one node: ``tune``, ``tune[boosting]``.
    """

    runner: Literal["local", "prefect"] = "local"
    cluster: str = ""
    server: str = ""
    store: str = ""
    workers: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 8), ge=1, le=256)
    retries: int = Field(default=0, ge=0, le=100)
    backoff: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    tags: tuple[str, ...] = ()
    steps: dict[str, StepPolicy] = Field(default_factory=dict)

    @field_validator("cluster")
    @classmethod
    def _check_cluster(cls, value: str) -> str:
        if re.fullmatch(r"(dask|[a-z]+://\S+|)", value):
            return value
        raise PydanticCustomError(
            "cluster", "must be dask, or the address of a scheduler, such as tcp://10.0.0.5:8786"
        )

    @field_validator("server")
    @classmethod
    def _complete_server(cls, value: str) -> str:
        """The address as Prefect wants it: a server that is named without a path is asked for its API."""
        if re.fullmatch(r"(https?://[^\s/]\S*|)", value):
            return f"{value.rstrip('/')}/api" if value and not urlsplit(value).path.strip("/") else value
        raise PydanticCustomError("server", "must be an address, such as http://127.0.0.1:4200/api")

    def for_node(self, node: Node) -> NodePolicy:
        """Give the wishes about one node: its own, its step's, or those for all."""
        own = [s for s in (self.steps.get(node.name), self.steps.get(node.step_name)) if s is not None]

        def first(name: str) -> object:
            given = (getattr(s, name) for s in own)
            return next((v for v in given if v is not None), getattr(self, name))

        workers = next((s.workers for s in own if s.workers is not None), None)
        tags = tuple(dict.fromkeys(tag for s in own for tag in s.tags))
        common = {n: first(n) for n in ("retries", "backoff", "timeout")}
        return NodePolicy(**common, workers=workers, tags=tags)  # type: ignore[arg-type]

    def check(self, graph: Graph) -> None:
        """Hold the names of steps to those that the workflow has.

        Raises:
            SettingsError: there is no such step.
        """
        known = list(dict.fromkeys([*(n.step_name for n in graph.nodes), *(n.name for n in graph.nodes)]))
        for name in self.steps:
            if name not in known:
                raise SettingsError(
                    f"[policy] steps.{name}: there is no such step.", hint=did_you_mean(name, known)
                )


class TrackingSettings(Settings):
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

    @field_validator("uri", "registry_uri")
    @classmethod
    def _check_uri(cls, value: str) -> str:
        """Hold an address to what MLflow can reach: it would refuse another one only after all the work."""
        scheme, colon, _ = value.partition(":")
        if (
            not colon
            or "/" in scheme
            or len(scheme) == 1
            or _is_known_scheme(scheme.lower().partition("+")[0])
        ):
            return value
        raise PydanticCustomError(
            "uri",
            "must be an address that MLflow knows, such as http://127.0.0.1:5000 or sqlite:///mlflow.db",
        )


def _is_known_scheme(scheme: str) -> bool:
    """Whether MLflow, or what is installed beside it, has a store for the addresses of a scheme."""
    if scheme in _SCHEMES | _DATABASE_SCHEMES:
        return True
    from importlib.metadata import entry_points

    groups = ("mlflow.tracking_store", "mlflow.model_registry_store")
    return any(scheme == point.name for group in groups for point in entry_points(group=group))
