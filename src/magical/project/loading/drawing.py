"""Draw a project's workflow, or remember how it was drawn."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
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
    """A drawn workflow up to one step; its living side is made when it is first needed.

    Attributes:
        drawn: as it is remembered.
        step: up to which.
        line: the settings given by hand.
        draw: imports the project and draws it.
        pretence: what is made up when it is run.
        change: what else is made of the graph before it is run.
    """

    drawn: DrawnWorkflow
    step: str
    line: dict[str, Any]
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
    """Draws a workflow with the settings of a line, from memory if nothing that it depends on has changed.

    Args:
        location: the project.
        configuration: what its files say.
        memory: the folder of what is remembered.
        pretence: what is made up when a drawing is run.
    """

    def __init__(
        self, location: Location, configuration: Configuration, cache_folder: Path, pretence: Pretence
    ) -> None:
        self._location, self._configuration, self._pretence = location, configuration, pretence
        self._cache = GraphCache(cache_folder)

    def draw(self, line: dict[str, Any], step: str = "") -> WorkflowDrawing:
        """Draw, or remember; what was read while somebody saved a file belongs to no digest.

        Args:
            line: settings as a command line gives them.
            step: up to which.
        """
        for _ in range(3):
            digest = self.digest(line)
            found = self._cache.load(digest)
            if found is None:
                found = self._draw_uncached(line)
                if self.digest(line) != digest or has_changed_outside():
                    continue
                self._cache.save(digest, found)
            mask_referenced_secrets(found.settings, self._location.root)
            return WorkflowDrawing(found, step, line, partial(self._redraw, line, digest), self._pretence)
        raise _changing_error()

    def _redraw(self, line: dict[str, Any], digest: str) -> Graph:
        with _import_exclusively():
            _, graph, _ = self._import_and_draw(line)
            drawn = self._cache.load(digest)
            if self.digest(line) != digest or drawn is None or has_changed_outside():
                raise _changing_error()
            odd = find_difference(drawn, graph, self._pretence)
        if odd:
            raise ProjectError(
                f"{odd} is another each time the project is imported, so no result can be kept for it.",
                hint="make it a setting; clocks, random draws and environment variables belong into steps.",
            )
        return graph

    def _draw_uncached(self, line: dict[str, Any]) -> DrawnWorkflow:
        with _import_exclusively():
            with record_file_reads() as read:
                _, graph, loaded = self._import_and_draw(line)
            self._configuration.policy(line).check(graph)
            identities = identify_nodes(self._pretence(graph))
        other = digest_other_files(identities, read, self._location.root)
        return DrawnWorkflow(
            graph, identities, mask_values(to_json(loaded.settings)), loaded.setting_layers, other
        )

    def draw_fresh(self, line: dict[str, Any]) -> tuple[Workflow[Any, Any], Graph]:
        """Import the project again, and give its workflow and what that draws now.

        Args:
            line: settings as a command line gives them.
        """
        with _import_exclusively():
            workflow, graph, _ = self._import_and_draw(line)
        return workflow, graph

    def _import_and_draw(self, line: dict[str, Any]) -> tuple[Workflow[Any, Any], Graph, LoadedSettings]:
        with forbid_reveal(), track_added_paths():
            workflow = import_workflow(self._location)
            loaded = self._configuration.settings(workflow.settings, line)
            graph = workflow.draw() if workflow.settings is None else workflow.draw(loaded.settings)
            return workflow, graph, loaded

    def workflow_name(self) -> str:
        """Give the name of the workflow, whatever its settings are."""
        with _import_exclusively(), forbid_reveal(), track_added_paths():
            return import_workflow(self._location).name

    def digest(self, line: Mapping[str, Any]) -> str:
        """Give the digest of all that a drawing with this line depends on."""
        place, profile = self._location, self._configuration.profile
        return project_digest(place.root, f"{place.module}:{place.name} {profile} {self._pretence}", line)


def _changing_error() -> ProjectError:
    return ProjectError("The project's files changed while they were read.", hint="run it again.")
