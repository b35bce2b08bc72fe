"""The ports of the engine: what a store, a runner, a listener and a model registry must do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from magical.contracts.promises import Promise
from magical.contracts.schema import Schema
from magical.engine.artifacts import Artifact, Record
from magical.engine.policy import NodePolicy
from magical.errors import RegistryError, join_names
from magical.events import Event, current_sink
from magical.graph import Graph, Node

if TYPE_CHECKING:
    from magical.engine.execution.remote_task import RemoteTask

__all__ = [
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
    "current_step",
]

T = TypeVar("T")


@dataclass
class SweepResult:
    """What a sweep of a store removed, or would have, and what stays.

    Attributes:
        records: results removed.
        objects: stored objects removed.
        leftovers: what kills left: scratch folders, locks, pins, half-written files.
        bytes: what all that took.
        damaged: the names of the objects that were not what was stored; counted among those removed.
        kept_records: results that stay.
        kept_objects: objects that stay.
        kept_bytes: what these take.
    """

    records: int = 0
    objects: int = 0
    leftovers: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    kept_records: int = 0
    kept_objects: int = 0
    kept_bytes: int = 0


class Store(Protocol):
    """Where artifacts and records live. Put if absent, atomic, verified when read, for many at once.

    Attributes:
        foreign: the keys whose results were not taken, since they are another store's and hold code.
    """

    untrusted: set[str]

    def find_record(self, key: str) -> Record | None:
        """Give the record of a key, if it has been computed."""

    def put_record(self, record: Record) -> None:
        """Keep a record; from then on its key counts as computed."""

    def drop_record(self, key: str, expected: Record | None = None) -> None:
        """Forget that a key has been computed, unless another record than ``only`` stands there by now."""

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        """Keep a value.

        Raises:
            StoreError: the value cannot be kept.
        """

    def load(self, artifact: Artifact, promise: Promise) -> Any:
        """Give a value back.

        Raises:
            DamagedArtifact: what was read is not what was stored.
        """

    def scratch(self, key: str) -> Path:
        """Give a folder for a key that survives a kill."""

    def clear_scratch(self, key: str) -> None:
        """Delete that folder."""

    def size(self, key: str) -> int:
        """Give the bytes that a key's result and what was kept beside it take; 0 where they are gone."""

    def pin_run(self, run: str) -> AbstractContextManager[None]:
        """Pin what is looked up and put, for the time of a run, which ``kill -9`` ends too."""

    def lock(self, key: str, on_wait: Callable[[], None] = ...) -> AbstractContextManager[None]:
        """Hold a key alone while it is computed; ``waits`` is called while another has it, and may raise."""

    def block_sweeps(self) -> AbstractContextManager[None]:
        """Keep sweeps away, from the first object that is saved to the record that names it."""

    def sweep(
        self,
        alive: Collection[str] | Callable[[], Collection[str]],
        *,
        dry: bool = False,
        verify: bool = False,
    ) -> SweepResult:
        """Remove what no key that is alive or pinned needs.

        Args:
            alive: keys; or gives them, called when nothing can be put and no run can end any more.
            dry: remove nothing, and say what would be.
            verify: read every object that stays, and remove the damaged ones.
        """


def _no_retry(error: BaseException) -> float | None:
    return None


@dataclass(frozen=True)
class WorkItem(Generic[T]):
    """A piece of work as a runner takes it; calling it does it.

    Attributes:
        call: does it.
        name: the node's name, as ``magical show`` has it.
        after: the names of the works whose results it needs; they have ended.
        wishes: what is wished for it, for a runner that shows it.
        again: told what it raised, gives the seconds after which it is to begin again; none if it has failed
            for good. A runner may ask and do so by itself. For one that does not, whoever submitted does.
    """

    body: Callable[[], T]
    name: str
    after: tuple[str, ...] = ()
    policy: NodePolicy = field(default_factory=NodePolicy)
    next_delay: Callable[[BaseException], float | None] = _no_retry

    def __call__(self) -> T:
        """Do it."""
        return self.body()


class Runner(Protocol):
    """Runs pieces of work, several at a time."""

    def __enter__(self) -> Runner: ...

    def __exit__(self, *exc: object) -> None: ...

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Begin a piece of work and give its future."""


class Cluster(Protocol):
    """Runs the bodies of nodes in other processes, here or on other machines."""

    def __enter__(self) -> Cluster:
        """Begin; where others run it, it answers by now.

        Raises:
            UsageError: it does not answer, or what it needs is not installed.
        """

    def __exit__(self, *exc: object) -> None:
        """Leave nothing behind: no process of ours, no folder; left by an exception, at once."""

    def submit(self, task: RemoteTask, emit: Callable[[Event], None]) -> Future[Record]:
        """Begin an errand.

        Args:
            errand: which body.
            tell: takes what it tells, in order, each event once, and all of it before the future is done.

        Returns:
            Its record, or a ``MagicalError``; a future that is cancelled stops the body if it can be stopped.
        """


class Listener(Protocol):
    """Hears what a run tells. One that fails is reported and never fails the run."""

    def on(self, event: Event) -> None:
        """Take an event; called from one thread."""


@dataclass(frozen=True)
class Version:
    """A registered version of a model.

    Attributes:
        name: the registered model's name.
        number: the version, from 1.
        key: the key of the step that registered it.
        aliases: such as ``champion``.
        tags: what was written about it.
        uri: where a person or a serving process finds it.
    """

    name: str
    number: str
    key: str
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    uri: str = ""


@dataclass(frozen=True)
class Submission:
    """A model on its way into a registry.

    Attributes:
        name: the registered model's name.
        key: makes putting idempotent: a version with this key is not put again.
        folder: the model as files, with all that serving needs.
        loader: the module that loads the folder: it has ``_load_pyfunc(path)``.
        code: the folders to be put on the path when it is loaded.
        inputs: the schema of a row that it takes.
        outputs: the schema of what it gives.
        example: a few rows that it takes, as a polars table.
        requirements: pip requirements with versions.
        tags: short texts about it.
        description: Markdown for its page.
        origin: what it stands on that is not real. With any, there is no submission: no registry can take it.

    Raises:
        RegistryError: it stands on a pretence or a sample.
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
        """Refuse what is not real before any registry sees it."""
        if self.origin:
            raise RegistryError(
                f"{self.name}: this model stands on what is not real: {join_names(self.origin)}.",
                hint="what is pretended or sampled is never registered: magical run, with all steps written.",
            )


class Registry(Protocol):
    """Keeps versions of models, and the aliases that point at them."""

    def put(self, submission: Submission) -> Version:
        """Register a version, or give the one that already carries the key.

        Raises:
            RegistryDown: the registry does not answer.
            RegistryError: it refuses.
        """

    def versions(self, name: str = "") -> list[Version]:
        """Give the versions of a model, or of all, newest first."""

    def champion(self, name: str) -> Version | None:
        """Give the version with the alias ``champion``, if there is one."""

    def alias(self, version: Version, alias: str = "champion") -> None:
        """Point an alias at a version."""

    def rollback(self, name: str) -> Version:
        """Point the alias ``champion`` back at the version that had it before.

        Raises:
            RegistryError: there is none.
        """

    def folder(self, version: Version) -> Path:
        """Give the folder that was submitted, on this machine."""


@dataclass
class StepContext:
    """One step in one run; what ``emit``, ``keep``, ``scratch`` and ``register`` reach.

    Attributes:
        node: the node that runs.
        key: its key.
        graph: the whole graph, living.
        store: where its inputs came from.
        load: gives the result of a node that has finished in this run.
        records: what is known of the nodes that have finished in this run.
        tell: takes an event.
        registry: gives the model registry, if the project has one.
        run: the run's name.
        root: the project's folder.
        origin: what the node stands on that is not real.
        kept: what the body has kept so far.
        asked: whether the body asked for the registry.
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
        return {name: record.key for name, record in list(self.records.items())}

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    def emit(self, event: Event) -> None:
        """Pass an event on; masked here already, since another process may not know what was revealed."""
        self.dispatch_event(event.mask_texts())

    def keep(self, name: str, value: Any) -> None:
        """Note a value, to be stored beside the result."""
        self.kept[name] = value

    def offer_registry(self, registry: Callable[[], Registry]) -> None:
        """Let the body have the model registry, and note whether it asks for it."""

        def lent() -> Registry:
            self.registry_used = True
            return registry()

        self.registry = lent

    def scratch(self) -> Path:
        """Give this key's folder."""
        return self.store.scratch(self.key)

    def may_wish(self) -> bool:
        """Whether the node's own name is among what its result stands on."""
        return self.name in self.origin


def current_step() -> StepContext | None:
    """Give the step that runs in this thread under the engine, if there is one."""
    sink = current_sink.get()
    return sink if isinstance(sink, StepContext) else None
