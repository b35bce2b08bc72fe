"""The drawing of a project's workflow, from the cache if nothing it depends on has changed."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from magical.engine.pretend_plan import Pretence
from magical.errors import ProjectError, UsageError
from magical.events import discard_events
from magical.graph import Graph
from magical.keys.code_closure import CodeReader
from magical.keys.key import identify_nodes
from magical.masking import mask_values
from magical.project.loading.configuration import Configuration
from magical.project.loading.exploration import describe_exploration
from magical.project.loading.graph_cache import (
    DrawnWorkflow,
    GraphCache,
    digest_outside_code,
    find_differences,
    project_digest,
    track_added_paths,
)
from magical.project.loading.importer import import_workflow
from magical.project.loading.location import Location
from magical.project.loading.source_loader import has_changed_outside
from magical.settings.base import to_json
from magical.settings.layers import LoadedSettings
from magical.settings.secrets import forbid_reveal, mask_referenced_secrets
from magical.workflows import Workflow

__all__ = ["WorkflowDrawer", "WorkflowDrawing"]

_import_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    # A forked process lacks the thread that may hold it. Not acquired before: an import may wait for a fork.
    os.register_at_fork(after_in_child=_import_lock._at_fork_reinit)  # type: ignore[attr-defined]


@contextlib.contextmanager
def _import_exclusively() -> Iterator[None]:
    """Keep other threads from dropping, importing and reading project modules during a block."""
    # Modules are global to the process: two threads at once would each see half of the other's.
    with _import_lock, discard_events(allows_wishes=False):
        yield


@dataclass
class WorkflowDrawing:
    """A drawn workflow up to one step; its code is imported when it is first needed.

    Attributes:
        drawn: the workflow, from the cache or just drawn.
        step: the last step; empty for all.
        draw_again: imports the project, and returns the workflow with its code.
        pretence: which steps are pretended.
        rewrite: changes the graph further before it is run.
    """

    drawn: DrawnWorkflow
    step: str
    draw_again: Callable[[], DrawnWorkflow]
    pretence: Pretence = field(default_factory=Pretence)
    rewrite: Callable[[Graph], Graph] = lambda graph: graph

    @cached_property
    def graph(self) -> Graph:
        """The graph to plan and run; without its code if it comes from the cache."""
        return self._rewrite_graph(self.drawn.graph)

    @property
    def full_graph(self) -> Graph:
        """The whole workflow as its author wired it, with pretended steps marked in the facts of nodes."""
        facts = {n.name: n.facts for n in self.graph.nodes}
        nodes = tuple(replace(n, facts=facts.get(n.name, n.facts)) for n in self.drawn.graph.nodes)
        return replace(self.drawn.graph, nodes=nodes)

    @cached_property
    def runnable_graph(self) -> Graph:
        """The graph to run, with its code."""
        if not self.drawn.graph.has_calls:
            # The new drawing replaces the old one: its identities are those of the code that runs.
            self.drawn = self.draw_again()
        return self._rewrite_graph(self.drawn.graph)

    def _rewrite_graph(self, graph: Graph) -> Graph:
        """Mark pretended steps, apply ``rewrite``, and reduce the graph to the last step."""
        whole = self.rewrite(self.pretence(graph))
        if self.step and whole.node(self.step).facts.get("cut"):
            raise UsageError(
                f"{self.step} promises a table without columns, so nothing can be pretended for it.",
                hint="ask for a step behind it, or give it a contract: Frame[Contract].",
            )
        return whole.subgraph(self.step) if self.step else whole


class WorkflowDrawer:
    """Draws a project's workflow, from the cache if nothing that it depends on can have changed."""

    def __init__(self, location: Location, configuration: Configuration, pretence: Pretence) -> None:
        self._location, self._configuration, self._pretence = location, configuration, pretence
        self._cache = GraphCache(location.home / "drawn")
        self._imported: tuple[str, DrawnWorkflow] | None = None

    def draw(self, step: str = "") -> WorkflowDrawing:
        """Draw the workflow up to a step.

        Raises:
            ProjectError: the project cannot be imported, or its files kept changing.
        """
        with _import_lock:  # to digest also reads `sys.modules` and `sys.path`, which an import changes
            return self._draw_unchanged(step)

    def _draw_unchanged(self, step: str) -> WorkflowDrawing:
        """Draw the workflow; again if a file was saved meanwhile."""
        for _ in range(3):
            digest = self.digest()
            drawn = self._recall(digest)
            if drawn is None:
                drawn = self._draw_anew(digest)
                # A file was saved meanwhile: the imported code may belong to neither digest.
                if self.digest() != digest or has_changed_outside():
                    continue
                self._keep(digest, drawn)
            mask_referenced_secrets(drawn.settings, self._location.root)
            return WorkflowDrawing(drawn, step, partial(self._draw_remembered, digest), self._pretence)
        raise _changing_error()

    def _recall(self, digest: str) -> DrawnWorkflow | None:
        """Return the workflow of a digest from this command or from the cache, if the project allows that."""
        if self._imported is not None and self._imported[0] == digest and not has_changed_outside():
            return self._imported[1]
        drawn = self._cache.load(digest)
        return drawn if drawn is not None and drawn.can_be_remembered else None

    def _keep(self, digest: str, drawn: DrawnWorkflow) -> None:
        self._imported = digest, drawn
        self._cache.save(digest, drawn)

    def _draw_anew(self, digest: str) -> DrawnWorkflow:
        """Import and draw; import twice if what an import gives has changed without a change of any file."""
        drawn, before = self._draw(), self._cache.load(digest)
        if before is None or not find_differences(before, drawn):
            return drawn
        # The world may have changed in between. Only what is another at once is another each time.
        again = self._draw()
        return replace(again, unstable=find_differences(drawn, again))

    def _draw_remembered(self, digest: str) -> DrawnWorkflow:
        """Import the project for a remembered drawing, which is dropped if the import gives another one."""
        with _import_lock:
            return self._draw_as_before(digest)

    def _draw_as_before(self, digest: str) -> DrawnWorkflow:
        drawn, before = self._draw(), self._cache.load(digest)
        if self.digest() != digest or has_changed_outside():
            raise _changing_error()
        if before is None or find_differences(before, drawn):
            drawn = self._draw_anew(digest)
            module = self._location.module
            drawn = replace(
                drawn, asks={module: "its import gave another workflow than the time before", **drawn.asks}
            )
            self._keep(digest, drawn)
        return drawn

    def _draw(self) -> DrawnWorkflow:
        """Import the project, draw its workflow, and find out what its import depends on."""
        root = self._location.root
        with _import_exclusively():
            workflow, graph, loaded = self._import_and_draw()
            self._configuration.policy.check(graph)
            reader = CodeReader(root)
            called = [workflow.function, *([workflow.settings] if workflow.settings else [])]
            called += [
                n.call.step.promises for n in graph.nodes if n.call is not None and n.call.step.promises
            ]
            identities = identify_nodes(self._pretence(graph), reader)
            asks = reader.find_asks(called)
            files = digest_outside_code(reader.list_modules(), root)
        settings = mask_values(to_json(loaded.settings))  # they go into a file of the cache
        explored = describe_exploration(self._configuration, loaded.settings)
        return DrawnWorkflow(
            graph, identities, settings, loaded.setting_layers, files, asks, explored=explored
        )

    def draw_fresh(self) -> tuple[Workflow[Any, Any], Graph]:
        """Import the project again, and draw its workflow without the cache."""
        with _import_exclusively():
            return self._import_and_draw()[:2]

    def _import_and_draw(self) -> tuple[Workflow[Any, Any], Graph, LoadedSettings]:
        with forbid_reveal(), track_added_paths():
            workflow = import_workflow(self._location)
            loaded = self._configuration.load_settings(workflow.settings)
            graph = workflow.draw() if workflow.settings is None else workflow.draw(loaded.settings)
            return workflow, graph, loaded

    def workflow_name(self) -> str:
        """Import the project, and return the name of its workflow, without reading its settings."""
        with _import_exclusively(), forbid_reveal(), track_added_paths():
            return import_workflow(self._location).name

    def digest(self) -> str:
        """Compute the digest of all that the drawing depends on."""
        place = self._location
        return project_digest(self._configuration, f"{place.module}:{place.name} {self._pretence}")


def _changing_error() -> ProjectError:
    return ProjectError("The project's files changed while they were read.", hint="run it again.")
