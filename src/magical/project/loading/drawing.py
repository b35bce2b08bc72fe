"""The drawing of a project's workflow, from the cache if nothing it depends on has changed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from magical.engine.pretend_plan import Pretence
from magical.errors import ProjectError, UsageError
from magical.events import discard_events
from magical.graph import Graph
from magical.keys.key import identify_nodes
from magical.masking import mask_values
from magical.project.loading.configuration import Configuration
from magical.project.loading.graph_cache import (
    DrawnWorkflow,
    GraphCache,
    digest_other_files,
    find_difference,
    project_digest,
    record_file_reads,
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


@contextlib.contextmanager
def _import_exclusively() -> Iterator[None]:
    """Keep other threads from dropping, importing and reading project modules during a block."""
    # Modules are global to the process: two threads at once would each see half of the other's.
    with _import_lock, discard_events(allows_wishes=False):
        yield


@dataclass(frozen=True)
class WorkflowDrawing:
    """A drawn workflow up to one step; its code is imported when it is first needed.

    Attributes:
        drawn: the workflow, from the cache or just drawn.
        step: the last step; empty for all.
        draw: imports the project, and returns the graph with its code.
        pretence: which steps are pretended.
        rewrite: changes the graph further before it is run.
    """

    drawn: DrawnWorkflow
    step: str
    draw: Callable[[], Graph]
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
        return self._rewrite_graph(self.drawn.graph if self.drawn.graph.has_calls else self.draw())

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
    """Draws a project's workflow, from the cache if nothing that it depends on has changed."""

    def __init__(self, location: Location, configuration: Configuration, pretence: Pretence) -> None:
        self._location, self._configuration, self._pretence = location, configuration, pretence
        self._cache = GraphCache(location.home / "drawn")

    def draw(self, step: str = "") -> WorkflowDrawing:
        """Draw the workflow up to a step.

        Raises:
            ProjectError: the project cannot be imported, or its files kept changing.
        """
        for _ in range(3):
            digest = self.digest()
            drawn = self._cache.load(digest)
            if drawn is None:
                drawn = self._draw()
                # A file was saved meanwhile: the imported code may belong to neither digest.
                if self.digest() != digest or has_changed_outside():
                    continue
                self._cache.save(digest, drawn)
            mask_referenced_secrets(drawn.settings, self._location.root)
            return WorkflowDrawing(drawn, step, partial(self._draw_again, digest), self._pretence)
        raise _changing_error()

    def _draw_again(self, digest: str) -> Graph:
        """Import the project for a graph of the cache, and check that it draws the same."""
        with _import_exclusively():
            _, graph, _ = self._import_and_draw()
            drawn = self._cache.load(digest)
            if self.digest() != digest or drawn is None or has_changed_outside():
                raise _changing_error()
            name = find_difference(drawn, graph, self._pretence)
        if name:
            raise ProjectError(
                f"{name} is another each time the project is imported, so no result can be kept for it.",
                hint="make it a setting; clocks, random draws and environment variables belong into steps.",
            )
        return graph

    def _draw(self) -> DrawnWorkflow:
        """Import the project, draw its workflow, and digest the other files that drawing read."""
        with _import_exclusively():
            with record_file_reads() as read:
                _, graph, loaded = self._import_and_draw()
            self._configuration.policy.check(graph)
            identities = identify_nodes(self._pretence(graph))
        digests = digest_other_files(identities, read, self._location.root)
        settings = mask_values(to_json(loaded.settings))  # they go into a file of the cache
        return DrawnWorkflow(graph, identities, settings, loaded.setting_layers, digests)

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
