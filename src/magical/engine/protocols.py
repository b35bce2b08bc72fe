"""The ports of the engine: stores, runners, clusters, listeners, model registries, and a step's context."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from magical.contracts.promises import PARTS, Promise
from magical.contracts.schema import Schema
from magical.engine.artifacts import Artifact, Record
from magical.engine.policy import NodePolicy
from magical.errors import RegistryError, join_names, shorten
from magical.events import Event, current_sink
from magical.figure_files import convert_figure
from magical.graph import Graph, Node
from magical.refs import find_links

if TYPE_CHECKING:
    from magical.engine.execution.remote_task import RemoteTask

__all__ = [
    "SCORING_TAG",
    "Cluster",
    "Listener",
    "Registry",
    "Runner",
    "StepContext",
    "Store",
    "Submission",
    "SweepResult",
    "Version",
    "WorkItem",
    "current_part",
    "current_step",
    "format_scoring",
]

T = TypeVar("T")

SCORING_TAG = "magical.scoring"
"""The tag that says if a version predicts new rows as its run did: ``as in the run``, or why it does not."""
_REFUSED = "refused: "


def format_scoring(reasons: Sequence[str]) -> str:
    """Write the tag ``SCORING_TAG`` of a version, from the reasons why it cannot predict.

    Example:
        >>> format_scoring([]), format_scoring(["it needs two tables"])
        ('as in the run', 'refused: it needs two tables')
    """
    return f"{_REFUSED}{shorten('; '.join(reasons), 400)}" if reasons else "as in the run"


@dataclass
class SweepResult:
    """The counts of a sweep: what was removed, or would be in a dry run, and what stays.

    Attributes:
        records: records removed.
        objects: stored objects removed.
        leftovers: files of killed processes removed: scratch folders, locks, pins, half-written files.
        bytes: the size of all that was removed.
        damaged: the names of the damaged objects, which are among the removed ones.
        projects: the names of the other projects whose notes in a shared store were respected.
    """

    records: int = 0
    objects: int = 0
    leftovers: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    kept_records: int = 0
    kept_objects: int = 0
    kept_bytes: int = 0
    projects: list[str] = field(default_factory=list)


class Store(Protocol):
    """Keeps artifacts and records: put if absent, atomic, verified when read, shared by many processes.

    Attributes:
        untrusted: the keys whose results were ignored: they contain code, and another store signed them.
    """

    untrusted: set[str]

    def find_record(self, key: str) -> Record | None:
        """Find the record of a key; None if it has not been computed."""

    def put_record(self, record: Record) -> None:
        """Store a record; from then on its key counts as computed."""

    def drop_record(self, key: str, expected: Record | None = None) -> None:
        """Delete the record of a key, unless it is no longer the expected one."""

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        """Store a value.

        Raises:
            StoreError: the value cannot be stored.
        """

    def load(self, artifact: Artifact, promise: Promise) -> Any:
        """Load a stored value.

        Raises:
            DamagedArtifact: the object is missing, or its digest differs.
        """

    def scratch(self, key: str) -> Path:
        """Return a scratch folder for a key; its files survive if the process is killed."""

    def clear_scratch(self, key: str) -> None:
        """Delete the scratch folder of a key."""

    def file(self, artifact: Artifact) -> Path:
        """Return the file on this machine that has the bytes of an artifact.

        Raises:
            DamagedArtifact: the object is missing or damaged.
        """

    def size(self, key: str) -> int:
        """Return the bytes of a key's result and kept values; 0 if they no longer exist."""

    def note_use(self, keys: Collection[str]) -> None:
        """Note the keys that a run used, so that sweeps of other projects that share the store keep them.

        A store that does not answer is ignored: at worst a result is computed again.
        """

    def pin_run(self, run: str) -> AbstractContextManager[None]:
        """Keep sweeps from removing what a run looks up or stores, until the block or the process ends."""

    def lock(self, key: str, on_wait: Callable[[], None] = ...) -> AbstractContextManager[None]:
        """Lock a key while it is computed; ``on_wait`` is called while another holds it, and may raise."""

    def block_sweeps(self) -> AbstractContextManager[None]:
        """Hold off sweeps for a block: from the first object saved to the record that refers to it."""

    def sweep(
        self,
        alive: Collection[str] | Callable[[], Collection[str]],
        *,
        dry: bool = False,
        verify: bool = False,
        keep_others: bool = True,
    ) -> SweepResult:
        """Remove the records and objects that no key that is alive or pinned refers to.

        Args:
            alive: the keys to keep; or a function that returns them, called once no run can store or end.
            dry: remove nothing, only count.
            verify: read every object that stays, and remove the damaged ones.
            keep_others: keep what other projects that share the store have noted, too.
        """


def _no_retry(error: BaseException) -> float | None:
    return None


@dataclass(frozen=True)
class WorkItem(Generic[T]):
    """A piece of work for a runner; a call executes it.

    Attributes:
        name: the node's name, as ``magical show`` has it.
        after: the nodes whose results the work needs; they have ended.
        policy: the node's policy, for a runner that shows it.
        next_delay: returns, for an error, the seconds until the next attempt; None to give up. A runner may
            retry by itself; otherwise the scheduler does.

    Example:
        >>> WorkItem(lambda: 1 + 1, "sum")()
        2
    """

    body: Callable[[], T]
    name: str
    after: tuple[str, ...] = ()
    policy: NodePolicy = field(default_factory=NodePolicy)
    next_delay: Callable[[BaseException], float | None] = _no_retry

    def __call__(self) -> T:
        """Execute the work in this thread."""
        return self.body()


class Runner(Protocol):
    """Runs pieces of work, several at a time."""

    def __enter__(self) -> Runner: ...

    def __exit__(self, *exc: object) -> None: ...

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Start a piece of work and return its future."""


class Cluster(Protocol):
    """Runs the bodies of nodes in other processes, here or on other machines."""

    def __enter__(self) -> Cluster:
        """Start the cluster, or connect to one that runs elsewhere.

        Raises:
            UsageError: it does not answer, or a package is not installed.
        """

    def __exit__(self, *exc: object) -> None:
        """End our processes and delete our folders; after an exception without waiting for bodies."""

    def submit(self, task: RemoteTask, emit: Callable[[Event], None]) -> Future[Record]:
        """Start a body and return the future of its record, or of a ``MagicalError``.

        Cancelling the future stops the body if it can be stopped.

        Args:
            task: the node and its inputs.
            emit: called with each event of the body, once and in order, before the future is done.
        """


class Listener(Protocol):
    """Receives the events of a run. A listener that raises is reported, and never fails the run."""

    def on(self, event: Event) -> None:
        """Handle an event; calls come one at a time, from any thread."""


@dataclass(frozen=True)
class Version:
    """A registered version of a model.

    Attributes:
        number: the version, from 1.
        key: the key of the step that registered it.
        aliases: the aliases that point at it, such as ``champion``.
        uri: its address for a person or a serving process.

    Example:
        >>> Version("campaign", "1", "a1", tags={SCORING_TAG: "refused: it needs two tables"}).refusal
        'it needs two tables'
    """

    name: str
    number: str
    key: str
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    uri: str = ""

    def __repr__(self) -> str:
        return f"<{', '.join([f'{self.name} version {self.number}', *self.aliases])}>"

    @property
    def refusal(self) -> str:
        """The reason why it cannot predict new rows as in its run; empty if nothing is known against it."""
        text = self.tags.get(SCORING_TAG, "")
        return text.removeprefix(_REFUSED) if text.startswith(_REFUSED) else ""

    def require_predictions(self) -> None:
        """Check that the version may become the champion.

        Raises:
            RegistryError: it cannot predict new rows.
        """
        if self.refusal:
            raise RegistryError(
                f"{self.name} version {self.number} cannot be the champion: {self.refusal}.",
                hint="a champion predicts new rows as its run did; magical models lists the other versions.",
            )


@dataclass(frozen=True)
class Submission:
    """A model to be registered, with all that a registry stores about it.

    Attributes:
        key: makes registering idempotent: a version with this key is not registered again.
        folder: the model as files, with all that serving needs.
        loader: the module that loads the folder; it has ``_load_pyfunc(path)``.
        code: folders for the import path of the process that loads it.
        inputs: the schema of a row that it takes.
        outputs: the schema of a prediction.
        example: a few rows that it takes, as a polars table.
        requirements: pip requirements with versions.
        description: Markdown for its page.
        origin: the ancestors that are not real; must be empty.

    Raises:
        RegistryError: an ancestor is pretended or sampled.
    """

    name: str
    key: str
    folder: Path
    loader: str
    code: Sequence[Path]
    inputs: Schema
    outputs: Schema
    example: Any
    requirements: Sequence[str]
    tags: Mapping[str, str]
    description: str = ""
    origin: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse a model that is not real, before any registry can receive it."""
        if self.origin:
            raise RegistryError(
                f"{self.name}: this model stands on what is not real: {join_names(self.origin)}.",
                hint="what is pretended or sampled is never registered: magical run, with all steps written.",
            )


class Registry(Protocol):
    """Keeps versions of models, and the aliases that point at them."""

    def put(self, submission: Submission) -> Version:
        """Register a version, or return the one that already has the key.

        Raises:
            RegistryDown: the registry does not answer.
            RegistryError: the registry refuses the model.
        """

    def versions(self, name: str = "") -> list[Version]:
        """List the versions of a model, or of all models, newest first."""

    def champion(self, name: str) -> Version | None:
        """Return the version with the alias ``champion``; None without one."""

    def alias(self, version: Version, alias: str = "champion") -> None:
        """Point an alias at a version.

        Raises:
            RegistryError: the alias is ``champion``, and the version cannot predict.
        """

    def rollback(self, name: str) -> Version:
        """Point the alias ``champion`` at the version that had it before.

        Raises:
            RegistryError: no version had it before, or that one cannot predict.
        """

    def folder(self, version: Version) -> Path:
        """Return the submitted folder, downloaded to this machine if needed."""


@dataclass
class StepContext:
    """The step that runs in this thread: the sink of ``emit``, ``keep`` and ``scratch``.

    Attributes:
        load: loads the result of a node that has finished in this run.
        records: the records of the nodes that have finished in this run.
        dispatch_event: passes an event to the listeners.
        registry: opens the model registry; None if the project has none.
        origin: the ancestors of the node that are not real.
        kept: the values that the body has kept so far.
        registry_used: True once the body has opened the registry.
    """

    node: Node
    key: str
    graph: Graph
    store: Store
    load: Callable[[str], Any]
    records: Mapping[str, Record]
    dispatch_event: Callable[[Event], None]
    registry: Callable[[], Registry] | None
    run: str
    root: Path
    origin: tuple[str, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict)
    registry_used: bool = False

    @property
    def keys(self) -> dict[str, str]:
        """The keys of the nodes that have finished in this run."""
        # A copy first: other threads add records while this one iterates.
        return {name: record.key for name, record in list(self.records.items())}

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    def emit(self, event: Event) -> None:
        """Pass an event to the listeners, with secrets masked."""
        # Masked here: only the process that resolved a secret knows what to mask.
        self.dispatch_event(event.mask_texts())

    def keep(self, name: str, value: Any) -> None:
        """Add a value to those stored beside the result; a figure is rendered now: it may change later."""
        self.kept[name] = convert_figure(value) or value

    def offer_registry(self, registry: Callable[[], Registry]) -> None:
        """Let the body open the model registry, and note whether it does."""

        def open_registry() -> Registry:
            self.registry_used = True  # the step's record then names the registry
            return registry()

        self.registry = open_registry

    def scratch(self) -> Path:
        """Return the scratch folder of the node's key, which survives a kill."""
        return self.store.scratch(self.key)

    def may_wish(self) -> bool:
        """Return True if the key brands the result as pretended, so that the body may call ``wish()``."""
        return self.name in self.origin


def current_step() -> StepContext | None:
    """Return the step that the engine runs in this thread; None outside of one.

    Example:
        >>> current_step() is None
        True
    """
    sink = current_sink.get()
    return sink if isinstance(sink, StepContext) else None


def current_part(parameter: str, default: str) -> str:
    """Return the part of a split that the running step takes as a parameter; ``default`` if it takes none.

    Example:
        >>> current_part("table", "test")
        'test'
    """
    context = current_step()
    links = [] if context is None else list(find_links(context.node.inputs.get(parameter)))
    return links[0].item if links and links[0].item in PARTS else default
