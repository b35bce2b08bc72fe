"""Policy and tracking: how a run is carried out and recorded; neither is part of a key."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Literal
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
    """The policy of one step; a field that is None is as for all steps.

    Attributes:
        retries: attempts after the first one has failed.
        backoff: seconds before the first retry; doubled before each further one, ten minutes at most.
        timeout: seconds a step may take; it then runs in a process of its own, which is killed after them.
        workers: how many of its nodes run at a time.
        tags: the tags of its tasks in Prefect, beside those of the run; Prefect can limit how many tasks of a
            tag run at a time, over all runs.
    """

    retries: int | None = Field(default=None, ge=0, le=100)
    backoff: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    workers: int | None = Field(default=None, ge=1, le=256)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodePolicy:
    """The policy of one node: each field from the node, else from its step, else from the run.

    Example:
        >>> [NodePolicy(backoff=0.5).retry_delay(attempt) for attempt in (1, 2, 3)]
        [0.5, 1.0, 2.0]
    """

    retries: int = 0
    backoff: float = 1.0
    timeout: float | None = None
    workers: int | None = None
    tags: tuple[str, ...] = ()

    def retry_delay(self, attempt: int) -> float:
        """Return the seconds to wait after a failed attempt, counted from 1."""
        return min(self.backoff * 2.0 ** (attempt - 1), MAX_RETRY_DELAY)


class Policy(Settings):
    """How a run is carried out.

    Attributes:
        runner: ``local``, this process alone; or ``prefect``, each step a task of a flow run.
        cluster: where bodies run: empty for threads of this process; ``dask`` for as many processes of this
            machine as ``workers``; or the address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``.
        server: the API of Prefect's server, such as ``http://127.0.0.1:4200/api``; empty for the one that
            Prefect is set up for, or else that of ``magical ui``.
        store: where artifacts live: empty for ``.magical/store``, or a URL of fsspec that all workers reach,
            such as ``s3://bucket/campaign``. Not on the command line.
        workers: how many steps run at a time.
        retries: attempts after the first one that raised, got no answer from its source, or timed out.
        backoff: seconds before the first retry; doubled before each further one, ten minutes at most.
        timeout: seconds a step may take; None for no limit. A step with a timeout runs in its own process.
        tags: the tags of the flow run in Prefect.
        steps: the policy of single steps, by the name of a step or of one node: ``tune``, ``tune[boosting]``.

    Example:
        >>> Policy(retries=2, steps={"tune": StepPolicy(timeout=600)}).steps["tune"].retries is None
        True
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
        """Append ``/api`` to an address without a path: Prefect wants the address of its API."""
        if re.fullmatch(r"(https?://[^\s/]\S*|)", value):
            return f"{value.rstrip('/')}/api" if value and not urlsplit(value).path.strip("/") else value
        raise PydanticCustomError("server", "must be an address, such as http://127.0.0.1:4200/api")

    def for_node(self, node: Node) -> NodePolicy:
        """Merge the policies of a node, its step and the run, in this order."""
        levels = [s for s in (self.steps.get(node.name), self.steps.get(node.step_name)) if s is not None]

        def first(name: str, default: object) -> Any:
            return next((v for s in levels if (v := getattr(s, name)) is not None), default)

        return NodePolicy(
            first("retries", self.retries),
            first("backoff", self.backoff),
            first("timeout", self.timeout),
            first("workers", None),  # the run's own number limits all steps together
            tuple(dict.fromkeys(tag for s in levels for tag in s.tags)),
        )

    def check(self, graph: Graph) -> None:
        """Check that the graph has each step that ``steps`` names.

        Raises:
            SettingsError: the graph lacks a named step.
        """
        names = list(dict.fromkeys([*(n.step_name for n in graph.nodes), *(n.name for n in graph.nodes)]))
        for name in self.steps:
            if name not in names:
                raise SettingsError(
                    f"[policy] steps.{name}: there is no such step.", hint=did_you_mean(name, names)
                )


class TrackingSettings(Settings):
    """The MLflow server or database for runs and models.

    Attributes:
        enabled: True to record runs in MLflow.
        uri: MLflow's tracking server or database; empty for the project's own in ``.magical``.
        registry_uri: the address of MLflow's model registry; empty if it is that of ``uri``.
        experiment: the name of the experiment; empty for the name of the workflow.
        report: True to write a report of each run that executes something.

    Example:
        >>> TrackingSettings(uri="http://127.0.0.1:5000").experiment
        ''
    """

    enabled: bool = True
    uri: str = ""
    registry_uri: str = ""
    experiment: str = ""
    report: bool = True

    @field_validator("uri", "registry_uri")
    @classmethod
    def _check_uri(cls, value: str) -> str:
        """Validate an address; MLflow itself would refuse it only after all steps have run."""
        scheme, colon, _ = value.partition(":")
        if (
            not colon
            or "/" in scheme  # a path that contains a colon
            or len(scheme) == 1  # a drive of Windows
            or _is_known_scheme(scheme.lower().partition("+")[0])
        ):
            return value
        raise PydanticCustomError(
            "uri",
            "must be an address that MLflow knows, such as http://127.0.0.1:5000 or sqlite:///mlflow.db",
        )


def _is_known_scheme(scheme: str) -> bool:
    """Return True if MLflow or an installed plugin of it has a store for the scheme."""
    if scheme in _SCHEMES | _DATABASE_SCHEMES:
        return True
    from importlib.metadata import entry_points  # reads the metadata of all packages: only when needed

    groups = ("mlflow.tracking_store", "mlflow.model_registry_store")
    return any(scheme == point.name for group in groups for point in entry_points(group=group))
