"""Collect the garbage of a project's store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from magical.engine.journal import Journal
from magical.engine.plan import NodePlan
from magical.engine.protocols import SweepResult
from magical.errors import UsageError
from magical.report.text import format_size

__all__ = ["find_live_keys", "swept_json", "swept_text"]


def find_live_keys(plans: Iterable[NodePlan], journal: Journal, keep: int) -> set[str]:
    """Give the keys whose results, locks and scratch folders stay.

    Args:
        plans: what a run would do now.
        journal: read once no run can end unseen: a run tells what it made before it lets go of its pins.
        keep: how many of the newest runs keep theirs.

    Raises:
        UsageError: ``keep`` is negative.
    """
    if keep < 0:
        raise UsageError(f"{keep} runs cannot be kept.", hint="give 0 or more.")
    runs = [journal.read(name) for name in journal.names()[:keep]]
    planned = {key for p in plans for key in (p.key, p.record.key if p.record else "") if key}
    return planned.union(*({*r.keys.values(), *r.begun.values()} for r in runs))


def swept_text(swept: SweepResult, *, dry: bool) -> str:
    """Say what was removed and what stays."""
    what = f"{_count(swept.records, 'result')}, {_count(swept.objects, 'object')}, {format_size(swept.bytes)}"
    stays = f"{_count(swept.kept_records, 'result')}, {format_size(swept.kept_bytes)}"
    lines = [f"would remove {what}; would keep {stays}." if dry else f"removed {what}; kept {stays}."]
    if swept.damaged:
        verb = "would be" if dry else ("was" if len(swept.damaged) == 1 else "were")
        what = _count(len(swept.damaged), "damaged object")
        lines.append(f"{what} {verb} removed; magical run makes what it needs.")
    return "\n".join(lines)


def swept_json(swept: SweepResult, *, dry: bool) -> dict[str, Any]:
    """Give what was removed and what stays as JSON."""
    return {"dry_run": dry, **vars(swept)}


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
