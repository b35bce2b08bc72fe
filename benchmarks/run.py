"""Measure what magical costs beside a plain script: `make bench`, or `python benchmarks/run.py --help`.

All jobs run in one go, in turns, so that a noisy machine treats them alike; each figure is a median.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import jobs
from measuring import CommandFailed, Figures, hand_written

ROUNDS: dict[str, jobs.Round] = {
    "script": jobs.script,
    "magical": jobs.nine_steps,
    "tracked": jobs.tracked,
    "starts": jobs.starts,
    "cluster": jobs.cluster,
    "prefect": jobs.prefect,
    "thousand": jobs.thousand,
    "pretend": jobs.pretend,
    "dataframely": jobs.dataframely,
    "campaign": jobs.campaign,
}
AIMS = (
    ("magical: cold", "script: cold", 1.15),
    ("magical: unchanged", "script: cold", 0.15),
    ("magical: unchanged", 'python -c "import sklearn"', 0.5),
    ("magical --help", "", 0.2),
    ("1,000 values: plan, drawn", "", 0.5),
    ("1,000 values: plan, remembered", "", 0.5),
    ("1,000 values: cold, less three steps", "", 5.0),
    ("1,000 tables: cold, less three steps", "", 5.0),
    ("1e5 rows by magical", "", 0.15),
    ("1e6 rows by magical", "", 1.0),
    ("1e5 rows by magical", "1e5 rows by dataframely", 0.5),
    ("1e6 rows by magical", "1e6 rows by dataframely", 0.5),
    ("campaign: unchanged", 'python -c "import sklearn"', 0.5),
    ("campaign: cold", "", 44.0),
    ("campaign: unchanged", "", 3.2),
    ("campaign: after an edit of linear", "", 36.0),
    ("campaign: after an edit of boosting", "", 36.0),
)
"""What is held against what, and at most how many times it (or CPU seconds, where there is nothing).

Seconds of a thousand steps are milliseconds of one.
"""

SELDOM, EACH = ("campaign", "thousand"), 3
"""These take as long as all else together: they have a turn in the first of so many rounds."""

RECIPES = {"campaign: cold": 44.0, "campaign: unchanged": 3.2, "campaign: after an edit": 36.0}
"""CPU seconds of MLflow Recipes 2.22 on the same table, with one logistic regression and no tuning."""


def main() -> int:
    """Measure, print, and give 1 where a job did something else than it should."""
    options = _options()
    figures, notes = Figures(), []
    heavy: dict[str, list[str]] = {}
    names, failed = options.only or list(ROUNDS), ""
    with tempfile.TemporaryDirectory(prefix="magical-bench-") as folder:
        place = Path(folder)
        try:
            for name, reason in list(_unavailable(names, place)):
                names.remove(name)
                notes.append(f"{name}: not measured; {reason}.")
            if {"magical", "starts"} & set(names):
                heavy = jobs.imports(place)
            notes += _measure(names, options.repeat, place, figures)
        except CommandFailed as error:
            failed = str(error)
    aims = list(_aims(figures))
    _print(figures, aims, heavy, notes)
    if options.json:
        answer = {"figures": figures.to_json(), "aims": aims, "heavy imports": heavy, "notes": notes}
        options.json.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    if failed:
        print(f"Stopped before the end: {failed}", file=sys.stderr)
    return 1 if failed or any(heavy.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what magical costs beside a plain script.")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="how many rounds")
    parser.add_argument(
        "--only", action="append", choices=list(ROUNDS), metavar="NAME", help=", ".join(ROUNDS)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args()


def _unavailable(names: list[str], place: Path) -> Iterator[tuple[str, str]]:
    if "tracked" in names and (reason := jobs.why_not_tracked(place)):
        yield "tracked", reason
    if "dataframely" in names and (reason := jobs.why_no_dataframely(place)):
        yield "dataframely", reason
    if "prefect" in names and (reason := jobs.why_no_prefect(place)):
        yield "prefect", reason
    if "campaign" in names and (reason := jobs.why_no_campaign(place)):
        yield "campaign", reason


def _measure(names: list[str], repeat: int, place: Path, figures: Figures) -> Iterator[str]:
    """Do the rounds in turns; round 0 warms bytecode and disk where that is not done, and does not count."""
    for number in range(repeat + 1):
        for name in names:
            if (name in SELDOM and number % EACH != 1) or (name == "tracked" and not number):
                continue
            folder = place / str(number) / name
            folder.mkdir(parents=True)
            _progress(f"round {number} of {repeat}: {name}")
            costs = ROUNDS[name](folder)
            if number:
                figures.note(costs)
    _progress("")
    if {"script", "magical"} <= set(names):
        yield _agreement(place / "0")


def _agreement(folder: Path) -> str:
    mine, other = jobs.same_results(folder)
    if abs(mine - other) > 1e-9:
        raise CommandFailed(f"the ROC AUC differs: {mine!r} by the script, {other!r} by magical")
    return f"Both give the same ROC AUC after the edit: {mine!r} and {other!r}."


def _aims(figures: Figures) -> Iterator[dict[str, object]]:
    for name, beside, most in AIMS:
        have, base = figures.cpu(name), figures.cpu(beside) if beside else 1.0
        if have is not None and base is not None:
            unit = f" × {beside}" if beside else " s"
            text = f"{name}: {have / base:.2f}{unit}, at most {most:g}"
            yield {"aim": text, "holds": have / base <= most}


def _print(
    figures: Figures, aims: list[dict[str, object]], heavy: dict[str, list[str]], notes: list[str]
) -> None:
    base = figures.cpu("script: cold")
    print(f"{'CPU seconds, medians':<42} {'s':>7} {'× script':>9} {'Recipes':>8} {'wall':>7}")
    for name, facts in figures.to_json().items():
        ratio = f"{facts['cpu'] / base:.2f}" if base else ""
        recipes = next((f"{v:g}" for k, v in RECIPES.items() if name.startswith(k)), "")
        print(f"{name:<42} {facts['cpu']:>7.2f} {ratio:>9} {recipes:>8} {facts['wall']:>7.2f}")
    print(f"\nAims (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")
    for aim in aims:
        print(f"  {'holds ' if aim['holds'] else 'MISSED'}  {aim['aim']}")
    for command, modules in heavy.items():
        mark, what = ("MISSED", ", ".join(modules)) if modules else ("holds ", "nothing heavy")
        print(f"  {mark}  {command} imports {what}")
    print("\n".join(_speed_up(figures)))
    print("\n".join(_slower(figures)))
    lines = {p.name: hand_written(p) for p in (jobs.SCRIPT, jobs.PROJECT / "workflow.py")}
    print("\n" + ", ".join(f"{name} {count} lines" for name, count in lines.items()) + " of code.")
    print("\n".join(notes))


def _speed_up(figures: Figures) -> Iterator[str]:
    one, two = (figures.costs.get(f"experiments on Dask, {n} at a time") for n in (1, 2))
    if one and two:
        ratio = median(a.wall / b.wall for a, b in zip(one, two, strict=True))
        yield f"\nExperiments side by side: two workers are {ratio:.2f} times as fast as one, by the clock."


def _slower(figures: Figures) -> Iterator[str]:
    """Rounds are held against one another one by one: a noisy machine treats both ways alike."""
    for where in ("beyond the steps' own", "in one process, imported"):
        local = figures.costs.get(f"{where}: local", [])
        for way in ("Prefect", "Prefect on Dask of two"):
            pairs = list(zip(figures.costs.get(f"{where}: {way}", []), local, strict=False))
            if pairs:
                cpu = median(a.cpu - b.cpu for a, b in pairs)
                wall = median(a.wall - b.wall for a, b in pairs)
                yield f"{way} more than local, {where}: {wall:.2f} s by the clock, {cpu:.2f} s CPU."


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
