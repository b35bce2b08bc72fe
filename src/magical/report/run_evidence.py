"""The evidence of one run: its journal, and what its steps gave and kept, for a report or a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.journal import Journal, RunSummary
from magical.engine.protocols import Store
from magical.errors import StoreError

if TYPE_CHECKING:
    from magical.library.metrics.scores import Scores

__all__ = ["RunEvidence"]

_MAX_EARLIER = 50  # runs that are read to find an earlier one


class RunEvidence:
    """Reads what a run left behind; what is lost is absent, and raises nothing.

    Args:
        summary: the run, from the journal.
        journal: the journal that the run is in.
        store: the store of its results.
        is_masked: False if a secret in its settings cannot be read now: where data has it, it would be shown.

    Attributes:
        summary: the run, from the journal.
        folder: the folder of the run.

    Example:
        >>> from pathlib import Path
        >>> RunEvidence(RunSummary("run-1"), Journal(Path("runs")), None).records  # type: ignore[arg-type]
        {}
    """

    def __init__(
        self, summary: RunSummary, journal: Journal, store: Store, *, is_masked: bool = True
    ) -> None:
        self.summary, self._journal, self._store = summary, journal, store
        self.folder, self.is_masked = journal.folder / summary.name, is_masked

    @cached_property
    def records(self) -> dict[str, Record]:
        """The records of all nodes whose result is still there, by node, in the order of the run."""
        found = ((node, self._find_record(key)) for node, key in self.summary.keys.items())
        return {node: record for node, record in found if record is not None}

    @property
    def lost(self) -> list[str]:
        """The nodes whose result is no longer in the store."""
        return [node for node in self.summary.keys if node not in self.records]

    @cached_property
    def events(self) -> list[Mapping[str, Any]]:
        """The events of the run; empty if its journal is on another machine."""
        try:
            return list(self._journal.events(self.summary.name))
        except StoreError:
            return []

    @property
    def origin(self) -> tuple[str, ...]:
        """The pretended and sampled steps that any result of the run depends on."""
        return tuple(dict.fromkeys(o for record in self.records.values() for o in record.origin))

    def warnings(self) -> Iterator[tuple[str, str]]:
        """Yield the warnings of this run, and those of the runs that its fresh results are from, by node."""
        return self._journal.warnings(self.summary.name, self.records)

    def find_earlier(self) -> RunEvidence | None:
        """Find the last run before this one that ended well, of the same workflow and equally real."""
        mine = _describe_kind(self.summary)
        try:
            names = [n for n in self._journal.names() if n < self.summary.name][:_MAX_EARLIER]
            found = (self._journal.read(name) for name in names)
            same = (r for r in found if r.state == "done" and _describe_kind(r) == mine)
            summary = next(same, None)
        except StoreError:
            return None
        return None if summary is None else RunEvidence(summary, self._journal, self._store)

    def find(self, step: str) -> Iterator[Record]:
        """Yield the records of a step of the library, such as ``evaluate``, in the order of the run."""
        ours = (r for r in self.records.values() if r.step.startswith("magical.library."))
        yield from (r for r in ours if r.step.endswith(f":{step}"))

    def find_scores(self) -> Iterator[tuple[Record, Scores]]:
        """Yield the records of ``evaluate`` with their scores; those that cannot be read are left out."""
        for record in self.find("evaluate"):
            # Imported here: a workflow without this step must not wait for scikit-learn.
            from magical.library.metrics.scores import Scores

            with suppress(ValueError):  # the scores of another release
                value = self.result(record)
                yield record, value if isinstance(value, Scores) else Scores.model_validate(value)

    def kept(self, record: Record, name: str) -> Any:
        """Load what a body kept by this name beside its result; None if it is not there."""
        artifact = record.kept.get(name)
        return None if artifact is None else self._load(artifact)

    def result(self, record: Record) -> Any:
        """Load a result as it is stored, without its contract; None if it is not there."""
        return self._load(record.result)

    def sample(self, artifact: Artifact, rows: int, limit: int) -> Any:
        """Load some rows of a table, evenly spaced among its first ``limit``; None if it is lost."""
        try:
            table = self._store.load(artifact, Promise("lazy")).head(limit)
            every = max(1, -(-min(artifact.rows or 0, limit) // rows))
            return table.gather_every(every).collect()
        except StoreError:
            return None

    def _load(self, artifact: Artifact) -> Any:
        try:
            return self._store.load(artifact, Promise("any"))
        except StoreError:
            return None

    def _find_record(self, key: str) -> Record | None:
        try:
            return self._store.find_record(key)
        except StoreError:
            return None


def _describe_kind(run: RunSummary) -> tuple[str, bool, str]:
    """Return the workflow of a run, and what of it was not real."""
    return run.workflow, bool(run.facts.get("sample")), str(run.facts.get("pretend", ""))
