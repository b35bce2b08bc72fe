"""The context of one command: the project's location, configuration, store, journal and drawing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.engine.journal import Journal, RunSummary
from magical.engine.plan import NodePlan, Receipts
from magical.engine.pretend_plan import Pretence
from magical.engine.protocols import Registry, Store
from magical.engine.run import PlanningContext
from magical.project.backends import ProjectRegistryIdentity, open_store, prepare_database_uri
from magical.project.loading.configuration import Configuration, read_configuration
from magical.project.loading.drawing import WorkflowDrawer, WorkflowDrawing
from magical.project.loading.location import Location
from magical.system.file_digests import FileDigests

if TYPE_CHECKING:
    from magical.views.picture import Picture

__all__ = ["OpenOptions", "ProjectContext", "open_context"]

Stores = dict[tuple[str, Path], Store]
"""Opened stores, by URL and folder."""


@dataclass(frozen=True)
class OpenOptions:
    """The options with which a project is opened, in this process or in another one.

    Attributes:
        profile: the name of a file in its ``profiles`` folder.
        sample: rows to take from each source; 0 for all.
        trust: True to use results that another store signed and that can run code.
        pretence: which steps are pretended.
        register: True to run the steps that write to the world also with other settings than the files'.
        deployment: the settings that a Prefect deployment adds to those of the files; None without one.

    Example:
        >>> OpenOptions(Location(Path("shop"), "workflow")).sample
        0
    """

    location: Location
    profile: str = ""
    sample: int = 0
    trust: bool = False
    pretence: Pretence = field(default_factory=Pretence)
    register: bool = False
    deployment: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class ProjectContext:
    """A project with the settings of one command, each file of which was read once.

    Attributes:
        options: how it was opened.
        configuration: its settings, policy and tracking.
        stores: the stores opened so far; the contexts of one ``Project`` share them.
    """

    options: OpenOptions
    configuration: Configuration
    stores: Stores = field(default_factory=dict, repr=False, compare=False)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.options.location.root

    @property
    def home(self) -> Path:
        """The folder of its store, journal and database: ``.magical``, or a temporary one."""
        return self.options.location.home

    @property
    def is_temporary(self) -> bool:
        """True if its runs leave nothing behind: no store, journal, tracking or flow run."""
        return self.options.location.temporary_home is not None

    @cached_property
    def journal(self) -> Journal:
        """The journal of its runs."""
        return Journal(self.home / "runs")

    @cached_property
    def store(self) -> Store:
        """The store of its artifacts: ``.magical/store``, or the one that ``[policy] store`` names.

        Raises:
            SettingsError: the setting is no URL of a store.
            StoreError: no store can be opened there.
        """
        url = "" if self.is_temporary else self.configuration.policy.store
        place = url, self.home
        if place not in self.stores:
            self.stores[place] = open_store(url, self.home, trust=self.options.trust)
        return self.stores[place]

    @cached_property
    def receipts(self) -> Receipts:
        """The look-up of results; it accepts receipts of the registry of this configuration only."""
        return Receipts(
            self.store, ProjectRegistryIdentity(self.home, self.configuration.tracking), self.home
        )

    @cached_property
    def drawer(self) -> WorkflowDrawer:
        """The drawer of its workflow."""
        return WorkflowDrawer(self.options.location, self.configuration, self.options.pretence)

    @cached_property
    def file_digests(self) -> FileDigests:
        """The digests of files; they remember large ones that did not change, and the files of folders."""
        return FileDigests(self.home / "files.json")

    @property
    def digest_file(self) -> Callable[[Path], str]:
        """The function that digests files."""
        return self.file_digests.digest

    def draw(self, step: str = "") -> WorkflowDrawing:
        """Draw the workflow up to a step; the graph may come from the cache, without its code."""
        return self.drawer.draw(step)

    def make_planning_context(self, drawing: WorkflowDrawing) -> PlanningContext:
        """Collect what a planner of a drawing needs, such as the identities of its steps and the receipts."""
        explored = () if self.options.register else drawing.drawn.explored
        return PlanningContext(
            drawing.drawn.identities, self.receipts, self.digest_file, self.options.sample, explored
        )

    def plan(self, step: str = "") -> dict[str, NodePlan]:
        """Plan a run without executing it."""
        drawing = self.draw(step)
        return self.make_planning_context(drawing).make_planner(drawing.graph).plan()

    def picture(self) -> Picture:
        """Build the picture that ``magical show`` draws: steps and their data, each step with its state."""
        from magical.project.step_states import draw_states

        return draw_states(self.draw().full_graph, self.plan, self.comparable_runs())

    @property
    def command_options(self) -> str:
        """The options by which a command finds the project from the working directory, with its profile."""
        path, profile = os.path.relpath(self.root), self.options.profile
        option = "" if path == "." else f" --project {shlex.quote(path)}"
        return f"{option} --profile {shlex.quote(profile)}" if profile else option

    def comparable_runs(self) -> Iterator[RunSummary]:
        """Find the runs of this kind, newest first: sampled alike, with the same mode of pretending."""
        kind = (bool(self.options.sample), self.options.pretence.mode)
        runs = self.journal.runs()
        return (r for r in runs if (bool(r.facts.get("sample")), r.facts.get("pretend", "")) == kind)

    def database_uri(self) -> str:
        """Return the address of the project's own MLflow database.

        Raises:
            ProjectError: the folder's name has characters that an address cannot contain.
        """
        return prepare_database_uri(self.root, self.home)

    def registry(self, find_run_id: Callable[[], str | None] = lambda: None) -> Registry:
        """Open the model registry: the project's own, unless ``[tracking]`` names another.

        Args:
            find_run_id: returns the id of the MLflow run under way, or None.
        """
        from magical.integrations.mlflow.registry import MlflowRegistry

        tracking = self.configuration.tracking
        return MlflowRegistry(
            tracking.registry_uri or tracking.uri or self.database_uri(),
            artifacts=self.home / "artifacts",
            experiment=tracking.experiment or self.draw().drawn.graph.workflow,
            find_run_id=find_run_id,
        )

    def reopen(self, overrides: Mapping[str, Any] | None = None, **options: Any) -> ProjectContext:
        """Open the same project with other options or overrides; its files are read again.

        Args:
            overrides: replace those of this context; None for none.
            options: fields of ``OpenOptions`` that differ.
        """
        return open_context(replace(self.options, **options), overrides, self.stores)


def open_context(
    options: OpenOptions, overrides: Mapping[str, Any] | None = None, stores: Stores | None = None
) -> ProjectContext:
    """Read a project's files, and resolve its settings with overrides on top.

    Args:
        options: how the project is opened: its location, profile, sample and pretence.
        overrides: as the command line parses them; ``to_overrides`` converts settings from Python.
        stores: the stores that the same ``Project`` has already opened; by default the context opens its own.

    Raises:
        UsageError: there is no such profile.
        SettingsError: a settings file, the policy or the tracking settings are wrong.

    Example:
        >>> open_context(OpenOptions(Location(Path("shop"), "workflow")), {"max_age": 80}).home.name
        '.magical'
    """
    configuration = read_configuration(options.location.root, options.profile, overrides, options.deployment)
    return ProjectContext(options, configuration, {} if stores is None else stores)
