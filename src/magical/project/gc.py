"""Garbage collection of a project's store: the keys that stay, and reports of a sweep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from magical.engine.journal import Journal
from magical.engine.plan import NodePlan
from magical.engine.protocols import SweepResult
from magical.errors import UsageError, join_names
from magical.report.text import format_size

__all__ = ["find_live_keys", "format_sweep", "sweep_to_json"]


def find_live_keys(plans: Iterable[NodePlan], journal: Journal, keep: int) -> set[str]:
    """Collect the keys whose results, locks and scratch folders stay.

    Args:
        plans: the plans of a run that would start now.
        journal: the journal of earlier runs.
        keep: how many of the newest runs keep their results.

    Raises:
        UsageError: ``keep`` is negative.

    Example:
        >>> from pathlib import Path
        >>> find_live_keys([NodePlan("clean", "fresh", "c0ffee")], Journal(Path("runs")), keep=10)
        {'c0ffee'}
    """
    if keep < 0:
        raise UsageError(f"{keep} runs cannot be kept.", hint="give 0 or more.")
    # A sweep calls this with the pins of running runs in view. A run writes its results to the journal before
    # it drops its pins, so that what is neither pinned nor in the journal belongs to no run.
    runs = [journal.read(name) for name in journal.names()[:keep]]
    planned = {key for p in plans for key in (p.key, p.record.key if p.record else "") if key}
    return planned.union(*({*r.keys.values(), *r.begun.values()} for r in runs))


def format_sweep(swept: SweepResult, *, dry: bool) -> str:
    """Report what a sweep removed and what stays.

    Example:
        >>> print(format_sweep(SweepResult(records=2, objects=1, bytes=800), dry=False))
        removed 2 results, 1 object, 800 B; kept 0 results, 0 B.
    """
    gone = f"{_count(swept.records, 'result')}, {_count(swept.objects, 'object')}, {format_size(swept.bytes)}"
    stays = f"{_count(swept.kept_records, 'result')}, {format_size(swept.kept_bytes)}"
    lines = [f"would remove {gone}; would keep {stays}." if dry else f"removed {gone}; kept {stays}."]
    if swept.damaged:
        verb = "would be" if dry else ("was" if len(swept.damaged) == 1 else "were")
        damaged = _count(len(swept.damaged), "damaged object")
        lines.append(f"{damaged} {verb} removed; magical run makes what it needs.")
    if swept.projects:
        others = _count(len(swept.projects), "other project")
        names = join_names(swept.projects, 4)
        lines.append(f"It keeps what {others} used last: {names}; --only-this-project does not.")
    return "\n".join(lines)


def sweep_to_json(swept: SweepResult, *, dry: bool) -> dict[str, Any]:
    """Convert what a sweep removed and what stays to JSON."""
    return {"dry_run": dry, **vars(swept)}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
