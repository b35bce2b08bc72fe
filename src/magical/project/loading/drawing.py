"""Draw a project's workflow, or remember how it was drawn."""

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
    """While modules are dropped, imported and read: two threads at once would see half of each other's."""
    with _import_lock, discard_events(allows_wishes=False):
        yield


@dataclass(frozen=True)
class WorkflowDrawing:
    """A drawn workflow up to one step; the graph with its code is drawn when it is first needed.

    Attributes:
        drawn: as it is remembered.
        step: the step up to which it goes; empty for all.
        draw: imports the project and draws it.
        pretence: which steps are pretended when it is run.
        rewrite: changes the graph before it is run.
    """

    drawn: DrawnWorkflow
    step: str
    draw: Callable[[], Graph]
    pretence: Pretence = field(default_factory=Pretence)
    rewrite: Callable[[Graph], Graph] = lambda graph: graph

    @cached_property
    def graph(self) -> Graph:
        """What is to run; it may have been read back."""
        return self._rewrite_graph(self.drawn.graph)

    @property
    def full_graph(self) -> Graph:
        """The workflow as its author wired it, with the facts about what is made up."""
        facts = {n.name: n.facts for n in self.graph.nodes}
        nodes = tuple(replace(n, facts=facts.get(n.name, n.facts)) for n in self.drawn.graph.nodes)
        return replace(self.drawn.graph, nodes=nodes)

    @cached_property
    def runnable_graph(self) -> Graph:
        """The same, with its code."""
        return self._rewrite_graph(self.drawn.graph if self.drawn.graph.has_calls else self.draw())

    def _rewrite_graph(self, graph: Graph) -> Graph:
        whole = self.rewrite(self.pretence(graph))
        if self.step and whole.node(self.step).facts.get("cut"):
            raise UsageError(
                f"{self.step} promises a table without columns, so nothing can be made up for it.",
                hint="ask for a step behind it, or give it a contract: Frame[Contract].",
            )
        return whole.subgraph(self.step) if self.step else whole


class WorkflowDrawer:
    """Draws a workflow, or remembers how it was drawn if nothing that it depends on has changed.

    Args:
        location: the project.
        configuration: its settings, policy and tracking.
        pretence: which steps are pretended when a drawing is run.
    """

    def __init__(self, location: Location, configuration: Configuration, pretence: Pretence) -> None:
        self._location, self._configuration, self._pretence = location, configuration, pretence
        self._cache = GraphCache(location.home / "drawn")

    def draw(self, step: str = "") -> WorkflowDrawing:
        """Draw the workflow up to a step, from memory if that is current."""
        for _ in range(3):  # what was read while somebody saved a file belongs to no digest
            digest = self.digest()
            found = self._cache.load(digest)
            if found is None:
                found = self._draw()
                if self.digest() != digest or has_changed_outside():
                    continue
                self._cache.save(digest, found)
            mask_referenced_secrets(found.settings, self._location.root)
            return WorkflowDrawing(found, step, partial(self._draw_again, digest), self._pretence)
        raise _changing_error()

    def _draw_again(self, digest: str) -> Graph:
        with _import_exclusively():
            _, graph, _ = self._import_and_draw()
            drawn = self._cache.load(digest)
            if self.digest() != digest or drawn is None or has_changed_outside():
                raise _changing_error()
            odd = find_difference(drawn, graph, self._pretence)
        if odd:
            raise ProjectError(
                f"{odd} is another each time the project is imported, so no result can be kept for it.",
                hint="make it a setting; clocks, random draws and environment variables belong into steps.",
            )
        return graph

    def _draw(self) -> DrawnWorkflow:
        with _import_exclusively():
            with record_file_reads() as read:
                _, graph, loaded = self._import_and_draw()
            self._configuration.policy.check(graph)
            identities = identify_nodes(self._pretence(graph))
        other = digest_other_files(identities, read, self._location.root)
        return DrawnWorkflow(
            graph, identities, mask_values(to_json(loaded.settings)), loaded.setting_layers, other
        )

    def draw_fresh(self) -> tuple[Workflow[Any, Any], Graph]:
        """Import the project again, and draw its workflow now."""
        with _import_exclusively():
            workflow, graph, _ = self._import_and_draw()
        return workflow, graph

    def _import_and_draw(self) -> tuple[Workflow[Any, Any], Graph, LoadedSettings]:
        with forbid_reveal(), track_added_paths():
            workflow = import_workflow(self._location)
            loaded = self._configuration.load_settings(workflow.settings)
            graph = workflow.draw() if workflow.settings is None else workflow.draw(loaded.settings)
            return workflow, graph, loaded

    def workflow_name(self) -> str:
        """Import the project for the name of its workflow, whatever its settings are."""
        with _import_exclusively(), forbid_reveal(), track_added_paths():
            return import_workflow(self._location).name

    def digest(self) -> str:
        """Digest all that the drawing depends on."""
        place = self._location
        return project_digest(self._configuration, f"{place.module}:{place.name} {self._pretence}")


def _changing_error() -> ProjectError:
    return ProjectError("The project's files changed while they were read.", hint="run it again.")
