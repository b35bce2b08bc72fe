"""Scoring in chunks: each row of a source gets a prediction, or is rejected with its reasons."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from magical.contracts.dtypes import DTYPES
from magical.errors import BrokenPromise, InputError, StepError, UsageError, join_names
from magical.library.scorer.scorer import Scorer
from magical.library.scoring.input_columns import match_input_columns
from magical.library.scoring.manifest import REJECT_COLUMNS, OutputPlaces, ScoredModel
from magical.library.scoring.output_files import NewFile, new_file
from magical.library.scoring.prediction_ids import make_prediction_ids
from magical.library.sources.chunked_source import ChunkedSource

__all__ = ["Batch", "BatchCounts", "RejectLimit"]

CHUNK_ROWS = 100_000
"""The rows that are in memory at a time, unless told otherwise."""

_MAY_ALWAYS = 2  # as in `model_data`: one bad row of a few costs nothing, whatever the share


@dataclass(frozen=True)
class RejectLimit:
    """The largest number of rejected rows with which a batch is a success.

    Attributes:
        share: of all rows; two rows always may, unless the share is 0.
        rows: an exact number, which wins over the share; None for none.

    Example:
        >>> RejectLimit.parse("1%").allows(2, 50), RejectLimit.parse("0").allows(1, 50)
        (True, False)
    """

    share: float = 0.01
    rows: int | None = None

    @classmethod
    def parse(cls, limit: str | int) -> RejectLimit:
        """Parse ``1%`` or a number of rows.

        Raises:
            UsageError: it is neither.
        """
        text = str(limit).strip()
        number, is_share = text.removesuffix("%"), text.endswith("%")
        with contextlib.suppress(ValueError):
            if not is_share and int(number) >= 0:
                return cls(rows=int(number))
            if is_share and 0 <= float(number) <= 100:
                return cls(float(number) / 100)
        raise UsageError(
            f"--max-rejects is {text!r}, which is neither a share nor a number of rows.",
            hint="such as --max-rejects 1%, or --max-rejects 20.",
        )

    def allows(self, rejected: int, rows: int) -> bool:
        """Return True if so many of the rows may be rejected."""
        if self.rows is not None:
            return rejected <= self.rows
        return rejected <= max(self.share * rows, _MAY_ALWAYS if self.share else 0)

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.rows is not None else f"{100 * self.share:.4g}%"


@dataclass
class BatchCounts:
    """Counts of the rows of a batch.

    Attributes:
        rows: the rows read; each is scored or rejected.
        scored: the rows in the output.
        left_out: those of them that a step dropped: they have a reason in the place of a prediction.
        failures: how often each rule of a column was broken.
        columns: the output's columns and their types.
    """

    rows: int = 0
    scored: int = 0
    rejected: int = 0
    left_out: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    columns: pl.Schema = field(default_factory=pl.Schema)

    def list_failures(self, count: int = 3) -> str:
        """List the rules that were broken most often."""
        return join_names((f"{rule} ({rows:,})" for rule, rows in self.failures.most_common()), count)


@dataclass(frozen=True)
class Batch:
    """A source to be scored by a model, with its columns matched.

    Attributes:
        matches: the source's column of each column of the model's rows.
        keep: the columns of the source that the output repeats.
        on_progress: called with the number of rows that are done, after each chunk.

    Example:
        >>> Batch.__name__
        'Batch'
    """

    scorer: Scorer
    model: ScoredModel
    source: ChunkedSource
    matches: dict[str, str]
    keep: tuple[str, ...] = ()
    limit: RejectLimit = RejectLimit()
    chunk_rows: int = CHUNK_ROWS
    on_progress: Callable[[int], None] = lambda rows: None

    @classmethod
    def plan(
        cls, scorer: Scorer, model: ScoredModel, source: ChunkedSource, keep: Sequence[str] = ()
    ) -> Batch:
        """Match the columns of a source with those that a model needs, before any row is read.

        Raises:
            BrokenPromise: a column is missing, ambiguous or of an impossible type, or rows alone cannot be
                scored.
            UsageError: a column to be kept does not exist, or has the name of another column of the output.
        """
        if scorer.refusal:
            raise BrokenPromise(
                f"{model} cannot score rows alone: {scorer.refusal}",
                hint="its features come from more than the rows.",
            )
        if source.rows == 0:
            raise _empty_error(source)
        raw = scorer.raw_rows
        if raw.refusal and source.path is not None:
            raise BrokenPromise(
                f"{source.name} cannot be scored: in the run {raw.refusal}.",
                hint="make one table of them, and give it to project.score.",
            )
        if raw.chain.steps and not raw.refusal:  # the project's steps on raw rows may be of any kind
            source = source.transform(raw.prepare)
        matches = match_input_columns(source.name, source.schema, scorer.row_schema)
        batch = cls(scorer, model, source, matches, tuple(dict.fromkeys(keep)))
        for name in batch.keep:
            if name not in source.schema:
                raise UsageError.unknown("column", name, source.schema)
            if name in batch.own_columns:
                raise UsageError(
                    f"--keep {name}: the output has a column of that name already.",
                    hint="rename it in the input, if it is needed.",
                )
        return batch

    @property
    def ids(self) -> dict[str, str]:
        """The columns that identify a row, by their names in the files: ``id_row`` for one called ``row``."""
        taken = {*REJECT_COLUMNS, *self._result_columns}
        return {f"id_{name}" if name in taken else name: name for name in self.scorer.row_schema.ids}

    @property
    def own_columns(self) -> list[str]:
        """The columns of the output, without those that are kept."""
        return [*self.ids, *self._result_columns]

    @property
    def _result_columns(self) -> list[str]:
        model = self.scorer.model
        classes = [f"probability_{c}" for c in model.classes] if model.task != "regression" else []
        return ["prediction", *classes, "prediction_id", "model_version", "reason"]

    def make_no_rejects(self) -> pl.DataFrame:
        """Make a table of rejects without rows."""
        types: dict[Any, Any] = {c.name: DTYPES.get(c.type) for c in self.scorer.row_schema.columns}
        ids = {written: types[name] for written, name in self.ids.items()}
        return pl.DataFrame(schema={"row": pl.Int64, **ids, **dict.fromkeys(REJECT_COLUMNS[1:], pl.String)})

    def score_chunks(self, counts: BatchCounts) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Score the chunks in order; yield the rows of the output and the rejects of each.

        Args:
            counts: counts of the rows so far, which each chunk adds to.

        Raises:
            InputError: the source is malformed, or has no rows.
            BrokenPromise: a chunk cannot be scored.
            StepError: a step failed.
        """
        read = list(dict.fromkeys([*self.matches.values(), *self.keep]))
        for chunk in self.source.chunks(read, self.chunk_rows):
            output, rejects = self._score_chunk(chunk, counts)
            counts.columns = output.schema
            self.on_progress(counts.rows)
            yield output, rejects
        if not counts.rows:
            raise _empty_error(self.source)

    def score_to_files(self, places: OutputPlaces) -> BatchCounts:
        """Score into files, which get their names only if all is well; the manifest is left to the caller.

        Raises:
            StoreError: the disk is full or gone.
            BrokenPromise: too many rows are rejected; the file of rejects stays.
        """
        counts = BatchCounts()
        with new_file(places.output) as output, new_file(places.rejects) as rejects:
            for rows, rejected in self.score_chunks(counts):
                if rows.height:
                    output.write(rows)
                if rejected.height:
                    rejects.write(rejected)
            self._check_limit(counts, places, rejects)
            if rejects.rows:
                rejects.publish()
            elif places.owns_rejects():  # of an earlier run
                places.rejects.unlink()
            # No manifest in between: a kill leaves a file that nothing vouches for, never a wrong claim.
            places.manifest.unlink(missing_ok=True)
            output.publish()
        return counts

    def _check_limit(self, counts: BatchCounts, places: OutputPlaces, rejects: NewFile) -> None:
        try:
            self.check_limit(counts, f"look at {places.rejects}", "--max-rejects")
        except BrokenPromise:
            rejects.publish()
            raise

    def check_limit(self, counts: BatchCounts, look: str, option: str) -> None:
        """Refuse a batch of which too many rows are rejected.

        Args:
            counts: the counts of the batch.
            look: where its rejects are to be seen.
            option: the option that allows more of them.

        Raises:
            BrokenPromise: more rows are rejected than the limit allows, or all of them.
        """
        rejected, rows = counts.rejected, counts.rows
        if rejected and rejected == rows:
            raise BrokenPromise(
                f"{self.source.name}: each of its {rows:,} rows is rejected.",
                f"  {counts.list_failures()}",
                hint=f"{look}.",
            )
        if not self.limit.allows(rejected, rows):
            raise BrokenPromise(
                f"{self.source.name}: {rejected:,} of {rows:,} rows are rejected; {self.limit} may be.",
                f"  {counts.list_failures()}",
                hint=f"{look}, or raise {option}.",
            )

    def _score_chunk(self, chunk: pl.DataFrame, counts: BatchCounts) -> tuple[pl.DataFrame, pl.DataFrame]:
        rows = chunk.select(pl.col(raw).alias(name) for name, raw in self.matches.items())
        scored = self.scorer.score_rows(rows)
        bad = scored.rejects["row"].unique(maintain_order=True)
        ids = [scored.typed[name].alias(written) for written, name in self.ids.items()]
        output = pl.DataFrame(
            [*ids, *(chunk[name] for name in self.keep), *scored.predictions.drop("reason")]
        ).with_columns(
            make_prediction_ids(scored.typed, self.model.digest),
            pl.lit(self.model.version).alias("model_version"),
            scored.predictions["reason"].cast(pl.String),
        )
        places = scored.rejects["row"]
        rejects = pl.DataFrame(
            [places + counts.rows, *(c[places] for c in ids), *scored.rejects.select(REJECT_COLUMNS[1:])]
        )
        if len(bad):
            output = output.filter(~pl.int_range(pl.len()).is_in(bad.implode()))
        if output.height + len(bad) != chunk.height:
            raise StepError(
                f"{self.model} gave {output.height:,} predictions and {len(bad):,} rejects for "
                f"{chunk.height:,} rows.",
                hint="this is a fault of magical: please report it.",
            )
        counts.rows += chunk.height
        counts.scored += output.height
        counts.rejected += len(bad)
        counts.left_out += output["reason"].count()
        counts.failures.update(f"{c} {r}" for c, r in rejects.select("column", "rule").iter_rows())
        return output, rejects


def _empty_error(source: ChunkedSource) -> InputError:
    return InputError(
        f"{source.name} has {len(source.schema)} column names and no rows.",
        hint="give one with at least one row.",
    )
