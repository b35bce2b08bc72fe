"""The project as Python sees it: the same verbs as the command, as methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.engine.files import FileDigests
from magical.engine.journal import Journal, RunSummary
from magical.engine.keys import identify
from magical.engine.memory import Drawn, DrawnMemory, difference, other_files, project_digest
from magical.engine.plan import NodePlan, plan
from magical.engine.policy import Policy, Tracking
from magical.engine.ports import Listener, Registry
from magical.engine.reads import files_read
from magical.engine.run import Request, RunResult, execute
from magical.errors import ProjectError, UsageError
from magical.graph import Graph
from magical.masking import masked
from magical.project.answers import Why, answer_why
from magical.project.configuration import Configuration
from magical.project.imports import import_workflow
from magical.project.location import Location, find
from magical.project.result import Run
from magical.settings.base import to_json
from magical.settings.layers import Loaded, as_line
from magical.settings.secrets import learn, sealed
from magical.stores.local import LocalStore

if TYPE_CHECKING:
    from magical.listeners.mlflow import MlflowTracking

__all__ = ["Project", "load"]


def load(path: str | Path = ".", *, profile: str = "") -> Project:
    """Open a project for a notebook or a test.

    Args:
        path: its folder, or its one file.
        profile: the name of a file in its ``profiles`` folder.

    Raises:
        UsageError: there is no project.
    """
    return Project(find(path), profile=profile)


class Project:
    """A project on disk, with the verbs of the command as methods.

    Settings are given by name: ``project.run(max_age=80, split={"seed": 3})``.
    """

    def __init__(self, location: Location, *, profile: str = "") -> None:
        self.location = location
        self.root, self.home = location.root, location.home
        self.configuration = Configuration(location.root, profile)
        self.store = LocalStore(self.home / "store")
        self.journal = Journal(self.home / "runs")
        self._files = FileDigests(self.home / "files.json")
        self._memory = DrawnMemory(self.home / "drawn")

    def __repr__(self) -> str:
        return f"<project {self.root.name}>"

    def _repr_html_(self) -> str:
        plans = self.plan()
        rows = "".join(f"<tr><td>{escape(n)}</td><td>{escape(p.state)}</td></tr>" for n, p in plans.items())
        return f"<table><thead><tr><th>step</th><th>state</th></tr></thead><tbody>{rows}</tbody></table>"

    def graph(self, **settings: Any) -> Graph:
        """Give the drawn graph; its nodes may have been remembered, not drawn anew."""
        return self.drawn(settings).graph

    def plan(self, step: str = "", **settings: Any) -> dict[str, NodePlan]:
        """Say what a run would do, without doing it."""
        drawn = self.drawn(settings)
        graph = drawn.graph.upto(step) if step else drawn.graph
        return plan(graph, drawn.identities, self.store, self._files.digest)

    def run(self, step: str = "", **settings: Any) -> Run:
        """Run what is not fresh, up to one step or all of it.

        Raises:
            MagicalError: the first step that failed; the results of the others are kept.
        """
        drawing = self._drawing(step, settings)
        result = self._execute(drawing, ())
        if result.errors:
            raise next(iter(result.errors.values()))
        return Run(drawing.living, result, self.store)

    def why(self, step: str, **settings: Any) -> Why:
        """Say why a step runs again, or why it ran the last time."""
        drawn = self.drawn(settings)
        name = drawn.graph.node(step).name
        plans = plan(drawn.graph, drawn.identities, self.store, self._files.digest)
        if name not in plans:
            raise UsageError(
                f"{name} is not run: nothing uses what it gives.", hint="return it, or pass it on."
            )
        return answer_why(name, plans, drawn, self.journal, self.store)

    def runs(self) -> list[RunSummary]:
        """Give the runs so far, newest first."""
        return list(self.journal.runs())

    def drawn(self, settings: Mapping[str, Any] | None = None) -> Drawn:
        """Give the drawn workflow, from memory if nothing that it depends on has changed."""
        return self._drawing("", settings or {}).drawn

    def execute(
        self, step: str = "", settings: Mapping[str, Any] | None = None, listeners: tuple[Listener, ...] = ()
    ) -> RunResult:
        """Run, and give the bare result; what the command calls.

        Args:
            step: run only what this step needs.
            settings: as on the command line.
            listeners: who hears the events.
        """
        return self._execute(self._drawing(step, settings or {}), listeners)

    def registry(self, tracking: Tracking | None = None, run_id: Any = None) -> Registry:
        """Give the model registry: the project's own, unless ``[tracking]`` names another."""
        from magical.registries.mlflow import MlflowRegistry

        tracking = tracking or self.configuration.tracking({})
        uri = tracking.registry_uri or tracking.uri or self._database()
        experiment = tracking.experiment or self.drawn().graph.workflow
        return MlflowRegistry(
            uri, artifacts=self.home / "artifacts", experiment=experiment, run_id=run_id or (lambda: None)
        )

    def _execute(self, drawing: _Drawing, listeners: tuple[Listener, ...]) -> RunResult:
        line = drawing.line
        tracking = self.configuration.tracking
        watch = Later(lambda: self._tracker(tracking(line), drawing))
        request = Request(
            graph=drawing.graph,
            identities=drawing.drawn.identities,
            revive=lambda: drawing.living,
            store=self.store,
            journal=self.journal,
            root=self.root,
            digest=self._files.digest,
            runner=lambda: _runner(self.configuration.policy(line)),
            listeners=(*listeners, _Late(watch)),
            registry=lambda: self.registry(tracking(line), lambda: getattr(watch(), "run_id", None)),
            settings=drawing.drawn.settings,
            profile=self.configuration.profile,
        )
        return execute(request, _performer)

    def _drawing(self, step: str, settings: Mapping[str, Any]) -> _Drawing:
        line = as_line(settings)
        drawn, digest = self._drawn(line)
        learn(drawn.settings, self.root)
        return _Drawing(drawn, step, line, lambda: self._draw_again(line, digest))

    def _tracker(self, tracking: Tracking, drawing: _Drawing) -> MlflowTracking | None:
        if not tracking.enabled:
            return None
        from magical.listeners.mlflow import MlflowTracking

        return MlflowTracking(
            tracking.uri or self._database(),
            artifacts=self.home / "artifacts",
            experiment=tracking.experiment or drawing.graph.workflow,
            value=lambda key: self._value_of(drawing.living, key),
        )

    def _value_of(self, graph: Graph, key: str) -> Any:
        record = self.store.record(key)
        node = graph.by_name.get(record.node) if record else None
        if record is None or record.result.kind != "value" or node is None or node.call is None:
            return None
        return self.store.load(record.result, node.call.promise)

    def _database(self) -> str:
        self.home.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{self.home / 'mlflow.db'}"

    def _drawn(self, line: dict[str, Any]) -> tuple[Drawn, str]:
        """Draw, or remember; what was read while somebody saved a file belongs to no digest."""
        for _ in range(3):
            digest = self._digest(line)
            found = self._memory.recall(digest)
            if found is not None:
                return found, digest
            found = self._draw(line)
            if self._digest(line) == digest:
                self._memory.remember(digest, found)
                return found, digest
        raise _changing()

    def _draw_again(self, line: dict[str, Any], digest: str) -> Graph:
        graph = self._import_and_draw(line)[0]
        drawn = self._memory.recall(digest)
        if self._digest(line) != digest or drawn is None:
            raise _changing()
        if odd := difference(drawn, graph):
            raise ProjectError(
                f"{odd} is another each time the project is imported, so no result can be kept for it.",
                hint="make it a setting; clocks, random draws and environment variables belong into steps.",
            )
        return graph

    def _draw(self, line: dict[str, Any]) -> Drawn:
        with files_read() as read:
            graph, loaded = self._import_and_draw(line)
        identities = identify(graph)
        settings = masked(to_json(loaded.settings))
        return Drawn(graph, identities, settings, loaded.spoken, other_files(identities, read, self.root))

    def _import_and_draw(self, line: dict[str, Any]) -> tuple[Graph, Loaded]:
        with sealed():
            workflow = import_workflow(self.location)
            loaded = self.configuration.settings(workflow.settings, line)
            return (workflow.draw() if workflow.settings is None else workflow.draw(loaded.settings)), loaded

    def _digest(self, line: Mapping[str, Any]) -> str:
        return project_digest(
            self.root, f"{self.location.module}:{self.location.name} {self.configuration.profile}", line
        )


@dataclass(frozen=True)
class _Drawing:
    """A drawn workflow up to one step; its living side is made when it is first needed."""

    drawn: Drawn
    step: str
    line: dict[str, Any]
    draw: Callable[[], Graph]

    @property
    def graph(self) -> Graph:
        return self.drawn.graph.upto(self.step) if self.step else self.drawn.graph

    @cached_property
    def living(self) -> Graph:
        graph = self.drawn.graph if self.drawn.graph.is_living else self.draw()
        return graph.upto(self.step) if self.step else graph


class Later:
    """Computes a value when it is first asked for."""

    def __init__(self, make: Any) -> None:
        self._make, self._made, self._value = make, False, None

    def __call__(self) -> Any:
        """Give the value."""
        if not self._made:
            self._value, self._made = self._make(), True
        return self._value


class _Late:
    """A listener that is made when the first event comes."""

    def __init__(self, make: Later) -> None:
        self._make = make

    def on(self, event: Any) -> None:
        listener = self._make()
        if listener is not None:
            listener.on(event)


def _runner(policy: Policy) -> Any:
    from magical.runners.local import LocalRunner

    return LocalRunner(policy.workers)


def _performer(*arguments: Any) -> Any:
    from magical.engine.perform import LocalPerformer

    return LocalPerformer(*arguments)


def _changing() -> ProjectError:
    return ProjectError("The project's files changed while they were read.", hint="run it again.")
