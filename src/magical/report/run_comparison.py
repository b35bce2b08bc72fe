"""The comparison of two runs: what differed, and which one predicts better on the same test rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from magical.contracts.model import format_number
from magical.contracts.schema import Schema
from magical.engine.artifacts import Record
from magical.errors import join_names
from magical.library.judging.paired_runs import (
    PairedGain,
    PairedRuns,
    RunVerdict,
    compare_judged,
    list_paired_metrics,
)
from magical.library.metrics.scores import Scores
from magical.library.scorer.champion_comparison import NotComparable
from magical.masking import mask_values
from magical.report.run_differences import DIFFERENCE_KINDS, RunDifference, find_run_differences
from magical.report.run_evidence import RunEvidence
from magical.system.state_files import DAMAGE_ERRORS
from magical.views.document import Block, Document, Facts, Paragraph, Section, Table

__all__ = ["RunComparison", "compare_runs"]

_TONES: dict[str, Literal["", "good", "bad", "warning"]] = {
    "better": "good",
    "worse": "bad",
    "cannot tell": "warning",
    "equal": "",
    "not comparable": "warning",
}
_VERDICTS = {
    "better": "{new} is better than {old}",
    "worse": "{new} is worse than {old}",
    "cannot tell": "these rows cannot tell which of {old} and {new} is better",
    "equal": "{old} and {new} predict the same",
}


@dataclass(frozen=True)
class RunComparison:
    """Two runs compared.

    Attributes:
        old: the name of the first run.
        new: that of the second; a gain is positive where it is better.
        differences: what differed between the two.
        scores: the scores of both, where they have any.
        paired: the comparison on the same rows; None if there is none.
        part: the part of the rows, such as ``test``.
        reason: why there is none.
        hint: what could be done about it.
        origin: the pretended and sampled steps that either stands on.

    Example:
        >>> print(RunComparison("run-1", "run-2", reason="run-1 has no scores"))
        run-1 and run-2 cannot be compared: run-1 has no scores
    """

    old: str
    new: str
    differences: tuple[RunDifference, ...] = ()
    scores: tuple[Scores | None, Scores | None] = (None, None)
    paired: PairedRuns | None = None
    part: str = ""
    reason: str = ""
    hint: str = ""
    origin: tuple[str, ...] = ()

    @property
    def verdict(self) -> RunVerdict | Literal["not comparable"]:
        """``better``, ``worse``, ``equal`` (the same predictions), ``cannot tell`` or ``not comparable``."""
        return self.paired.gains[0].verdict if self.paired else "not comparable"

    @property
    def caution(self) -> str:
        """The reason to read the verdict with care: another metric decides than in a run; empty if none."""
        if self.paired is None:
            return ""
        used = self.paired.gains[0].metric
        deciding = [scores.primary if scores else "" for scores in self.scores]
        if deciding[1] != used:
            return (
                f"{deciding[1]} decides in {self.new}, and cannot be computed of these rows: {used} decides"
            )
        return f"{deciding[0]} decides in {self.old}, and {used} here" if deciding[0] != used else ""

    def __str__(self) -> str:
        if self.paired is None:
            return f"{self.old} and {self.new} cannot be compared: {self.reason}"
        text = _VERDICTS[self.verdict].format(old=self.old, new=self.new)
        if self.verdict == "equal":
            return f"{text} for {self.paired.rows:,} {self.part} rows"
        gain = self.paired.gains[0]
        numbers = [format_number(x, 3) for x in (gain.gain, gain.low, gain.high)]
        change = f"{gain.metric} gains {numbers[0]} ({numbers[1]} to {numbers[2]})"
        return f"{text}: {change} on {self.paired.rows:,} {self.part} rows"

    def to_json(self) -> dict[str, Any]:
        """Convert the comparison to JSON."""
        old, new = (scores.model_dump(mode="json") if scores else None for scores in self.scores)
        return {
            "old": self.old,
            "new": self.new,
            "verdict": self.verdict,
            "text": str(self),
            "reason": self.reason,
            "hint": self.hint,
            "caution": self.caution,
            "part": self.part,
            "origin": list(self.origin),
            "differences": [asdict(d) for d in self.differences],
            "scores": {"old": old, "new": new},
            "paired": mask_values(asdict(self.paired)) if self.paired else None,
        }

    def to_document(self) -> Document:
        """Convert the comparison to a document: the verdict, what differed, the scores, the decisions."""
        verdict = [Paragraph(_sentence(str(self)), _TONES[self.verdict])]
        verdict += [Paragraph(f"Hint: {self.hint}")] if self.hint else []
        verdict += [Paragraph(_sentence(self.caution), "warning")] if self.caution else []
        sections = [Section("verdict", "Verdict", tuple(verdict))]
        sections.append(Section("differences", "What differed", tuple(self._difference_blocks())))
        for name, title, blocks in (
            ("scores", "Scores", tuple(self._score_blocks())),
            ("decisions", "Decisions that flipped", tuple(self._flip_blocks())),
        ):
            sections += [Section(name, title, blocks)] if blocks else []
        title = f"{self.old} and {self.new} compared"
        return Document(title, sections=tuple(sections), origin=self.origin)

    def write_page(self, path: str | Path) -> Path:
        """Write the comparison as one HTML page, and return its absolute path.

        Raises:
            StoreError: the file cannot be written.
        """
        from magical.views.document_page import write_document

        return write_document(self.to_document(), path)

    def _repr_html_(self) -> str:
        from magical.views.document_page import render_fragment

        return render_fragment(self.to_document())

    def _difference_blocks(self) -> Iterator[Block]:
        if not self.differences:
            yield Paragraph("Nothing differed.")
        rows = [(DIFFERENCE_KINDS[d.kind], str(mask_values(d.text))) for d in self.differences]
        yield from [Facts(tuple(rows))] if rows else []

    def _score_blocks(self) -> Iterator[Block]:
        old, new = self.scores
        names = dict.fromkeys(name for scores in (old, new) if scores for name in scores.metrics)
        rows = [(name, *(_score_text(scores, name) for scores in (old, new))) for name in names]
        if rows:
            yield Table(
                ("metric", f">{self.old}", f">{self.new}"), tuple(rows), "Each run on its own rows", self.part
            )
        if not self.paired:
            return
        head = ("metric", ">first", ">second", ">gain", ">low", ">high", ">smallest seen")
        gains = tuple(
            (g.metric, *map(_number_text, (g.old, g.new, g.gain, g.low, g.high, g.smallest)))
            for g in self.paired.gains
        )
        yield Table(head, gains, "On the same rows: the gain with its 95 % interval", self.part)
        if self.paired.gains[0].smallest:
            yield Paragraph(_describe_power(self.paired, self.part))
        if left := _describe_left_out(self.paired):
            yield Paragraph(left, "warning")

    def _flip_blocks(self) -> Iterator[Block]:
        if self.paired is None or not self.paired.flips:
            return
        head = ("from", "to", ">rows", ">now right", ">now wrong", "such as")
        flips = [(f.old, f.new, f.rows, f.right, f.wrong, ", ".join(f.ids)) for f in self.paired.flips]
        yield Table(head, tuple(mask_values(flips)), "Decisions that flipped", self.part)
        if self.paired.p is not None:
            text = f"Exact test of McNemar: p = {format_number(self.paired.p, 2)}"
            yield Paragraph(f"{text}, that both decide equally many rows right.")


def compare_runs(old: RunEvidence, new: RunEvidence, common: bool = False) -> RunComparison:
    """Compare two runs: what differed, and by the predictions that their ``evaluate`` kept, which is better.

    What cannot be compared has a reason in its place, and raises nothing.

    Args:
        old: the first run.
        new: the second.
        common: True to compare the rows that both judged where the test rows differ.
    """
    made = RunComparison(old.summary.name, new.summary.name, find_run_differences(old, new))
    judged = [_JudgedRun.find(run) for run in (old, new)]
    made = replace(made, scores=(judged[0].scores, judged[1].scores), origin=_join_origins(old, new))
    try:
        paired = _pair(judged[0], judged[1], common)
    except NotComparable as error:
        return replace(made, reason=error.lines[0].removesuffix("."), hint=error.hint, part=judged[1].part)
    return replace(made, paired=paired, part=judged[1].part)


@dataclass(frozen=True)
class _JudgedRun:
    """The scores of a run, and the rows that they are of.

    Attributes:
        reason: why there are none to compare.
    """

    scores: Scores | None = None
    table: pl.DataFrame | None = None
    schema: Schema | None = None
    reason: str = ""

    @property
    def part(self) -> str:
        return self.scores.part if self.scores else ""

    @classmethod
    def find(cls, run: RunEvidence) -> _JudgedRun:
        """Find the last evaluation of a run on test, or else its last one."""
        name = run.summary.name
        found = list(run.find_scores())
        if not found:
            # After gc a run may keep the results that it shares with newer ones.
            lost = join_names(run.lost, 4)
            known = f"the results of {lost} are gone" if lost else "nothing was evaluated"
            return cls(reason=f"{name} has no scores: {known}")
        record, scores = next((f for f in reversed(found) if f[1].part == "test"), found[-1])
        if record.origin:
            text = f"{name} is not real: it stands on {join_names(record.origin, 3)}"
            return cls(scores, reason=text)
        table, schema = run.kept(record, "_judged"), _read_schema(record)
        if not isinstance(table, pl.DataFrame):
            return cls(scores, reason=f"the predictions of {name} are gone, or an older release made them")
        return cls(scores, table, schema)


def _pair(old: _JudgedRun, new: _JudgedRun, common: bool) -> PairedRuns:
    """Compare two runs on the same rows; raise a NotComparable with the reason why not."""
    for run in (old, new):
        if run.reason:
            raise NotComparable(run.reason)
    assert old.scores is not None, "a run without a reason has them"
    assert new.scores is not None
    assert old.table is not None
    assert new.table is not None
    if old.schema is None or new.schema is None:
        raise NotComparable("the contract of the judged rows is not known")
    tasks = [f"{s.target} ({s.task})" for s in (old.scores, new.scores)]
    if tasks[0] != tasks[1]:
        raise NotComparable(f"the first run predicts {tasks[0]}, the second {tasks[1]}")
    if old.part != new.part:
        raise NotComparable(f"the first run is judged on {old.part}, the second on {new.part}")
    if old.schema.ids != new.schema.ids:
        ids = [join_names(s.ids, 3) or "no Id" for s in (old.schema, new.schema)]
        raise NotComparable(
            f"the rows of the first run are told by {ids[0]}, those of the second by {ids[1]}"
        )
    deciding = new.scores.find_metric(new.scores.primary)
    metrics = list_paired_metrics(deciding, new.scores.task)
    return compare_judged((old.table, new.table), new.schema, metrics, common)


def _read_schema(record: Record) -> Schema | None:
    """Read the contract of the evaluated table, which is part of the key of its step."""
    try:
        return Schema.from_json(json.loads(record.parts["takes:table"].partition("\n")[0]))
    except DAMAGE_ERRORS:
        return None


def _join_origins(old: RunEvidence, new: RunEvidence) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*old.origin, *new.origin)))


def _number_text(value: float) -> str:
    """Format a number of the comparison; what the order of a sum leaves of zero is zero."""
    return format_number(0.0 if abs(value) < 1e-12 else value, 3)


def _score_text(scores: Scores | None, metric: str) -> str:
    return str(scores.metrics[metric]) if scores and metric in scores.metrics else ""


def _describe_power(paired: PairedRuns, part: str) -> str:
    gain: PairedGain = paired.gains[0]
    units = "" if paired.units is None else f" of {paired.units:,} groups"
    return (
        f"With these {paired.rows:,} {part} rows{units}, a difference of {gain.metric} of "
        f"{format_number(gain.smallest, 2)} would be seen four times in five; a smaller one often would not."
    )


def _describe_left_out(paired: PairedRuns) -> str:
    """Describe the rows that are not compared; empty if all are."""
    counts = {
        "only the first run judged": paired.only_old,
        "only the second judged": paired.only_new,
        "have another target": paired.other_target,
    }
    texts = [f"{count:,} {words}" for words, count in counts.items() if count]
    return f"Compared on the common rows only: {', '.join(texts)}." if texts else ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
