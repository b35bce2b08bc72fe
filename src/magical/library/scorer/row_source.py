"""The source of the rows that a scorer takes: how it is read, and what it passes before it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from magical.contracts.schema import Schema
from magical.errors import BrokenPromise
from magical.library.scorer.model_files import wire_from_json, wire_to_json
from magical.library.scorer.scoring_steps import ScoringChain, ScoringStep
from magical.library.scorer.step_files import StepFiles
from magical.library.sources import Reading
from magical.refs import Link
from magical.scoring_path import ScoringPath

__all__ = ["RawRows"]

_NOTHING_SAID, _NO_COLUMNS = Reading(), Schema("", ())
_NO_STEPS = ScoringChain(_NO_COLUMNS, Link(""), (), Link(""))


@dataclass(frozen=True)
class RawRows:
    """The raw rows that become typed rows, as the workflow reads them.

    Attributes:
        reading: what the author said of the source; how a file is written is found again from each file.
        step: the import string of the step that reads them.
        chain: the steps that raw rows pass before they become typed rows.
        refusal: the reason why the rows of a new source cannot pass them; empty if they can.
    """

    reading: Reading = _NOTHING_SAID
    step: str = ""
    chain: ScoringChain = _NO_STEPS
    refusal: str = ""

    @classmethod
    def from_path(cls, path: ScoringPath, frozen: Mapping[Link, Any]) -> RawRows:
        """Make the source of the rows of a scoring path; ``frozen`` holds values of the training run."""
        rows = path.rows
        reading = rows.reading if isinstance(rows.reading, Reading) else _NOTHING_SAID
        steps = tuple(map(ScoringStep.from_path, rows.steps))
        return cls(
            reading, rows.step, ScoringChain(_NO_COLUMNS, rows.raw, steps, rows.result, frozen), rows.refusal
        )

    def prepare(self, table: pl.DataFrame) -> pl.DataFrame:
        """Execute the project's steps on raw rows: a whole source, since such steps may be of any kind.

        Raises:
            BrokenPromise: the rows of one source cannot pass them.
            StepError: a step failed.
        """
        if self.refusal:
            raise BrokenPromise(f"New rows cannot be prepared as in the run: {self.refusal}.")
        return self.chain.transform_table(table)

    def to_json(self, files: StepFiles) -> dict[str, Any]:
        """Convert to JSON, with the options that the author set."""
        return {
            "reading": self.reading.model_dump(mode="json", exclude_defaults=True),
            "step": self.step,
            "source": wire_to_json(self.chain.source),
            "result": wire_to_json(self.chain.result),
            "moves": [files.step_to_json(step) for step in self.chain.steps],
            "refusal": self.refusal,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], files: StepFiles, frozen: Mapping[Link, Any]) -> RawRows:
        """Read from JSON; the bundle of the project's modules must be importable."""
        source, result = wire_from_json(data["source"]), wire_from_json(data["result"])
        assert isinstance(source, Link)
        assert isinstance(result, Link)
        steps = tuple(files.step_from_json(move) for move in data["moves"])
        chain = ScoringChain(_NO_COLUMNS, source, steps, result, frozen)
        return cls(Reading.model_validate(data["reading"]), data["step"], chain, data["refusal"])
