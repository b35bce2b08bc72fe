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
from measuring import CommandFailed, Measurements, count_code_lines

JOBS: dict[str, jobs.Job] = {
    "script": jobs.measure_script,
    "magical": jobs.measure_nine_steps,
    "tracked": jobs.measure_tracked,
    "asks": jobs.measure_asks,
    "starts": jobs.measure_startup,
    "cluster": jobs.measure_cluster,
    "prefect": jobs.measure_prefect,
    "thousand": jobs.measure_thousand,
    "pretend": jobs.measure_pretend,
    "dataframely": jobs.measure_dataframely,
    "csv": jobs.measure_csv,
    "score": jobs.measure_score,
    "features": jobs.measure_features,
    "campaign": jobs.measure_campaign,
    "fit": jobs.measure_fit,
}
AIMS = (
    ("magical: cold", "script: cold", 1.15),
    ("magical: unchanged", "script: cold", 0.15),
    ("magical: unchanged", 'python -c "import sklearn"', 0.5),
    ("asks at import: unchanged", "script: cold", 1.0),
    ("magical --help", "", 0.2),
    ("1,000 values: plan, drawn", "", 0.5),
    ("1,000 values: plan, remembered", "", 0.5),
    ("1,000 values: cold, less three steps", "", 5.0),
    ("1,000 tables: cold, less three steps", "", 5.0),
    ("1e5 rows by magical", "", 0.15),
    ("1e6 rows by magical", "", 1.0),
    ("1e5 rows by magical", "1e5 rows by dataframely", 0.5),
    ("1e6 rows by magical", "1e6 rows by dataframely", 0.5),
    ("plain csv by ingest", "plain csv by polars", 1.3),
    ("1e6 rows scored by magical", "1e6 rows scored by a script", 1.25),
    ("1e6 rows to a Pipeline by magical", "1e6 rows to a Pipeline by a script", 2.0),
    # A step that grows faster than its rows is seen here.
    *(
        (f"1e6 rows, {step} by magical", f"1e5 rows, {step} by magical", 13.0)
        for step in ("ingest", "clean", "featurize", "split", "fit")
    ),
    ("campaign: unchanged", 'python -c "import sklearn"', 0.5),
    ("campaign: cold", "", 11.0),
    ("campaign: unchanged", "", 3.2),
    ("campaign: after an edit of linear", "", 36.0),
    ("campaign: after an edit of boosting", "", 36.0),
)
"""What is compared with what, and the largest ratio (or CPU seconds, if it is compared with nothing).

Seconds of a thousand steps are milliseconds of one.
"""

MEMORY_AIMS = (("1e6 rows to a Pipeline by magical", 8 * 2**30),)
"""The most memory that a job may take at its peak, in bytes."""

WALL_AIMS = (("magical fit: telco_churn", 60.0),)
"""The most seconds that a job may take by the clock: its budget, with reading and registering."""

SLOW_JOBS, SLOW_JOB_INTERVAL = ("campaign", "features", "fit", "thousand"), 3
"""These take as long as all others together: they run in the first of every three rounds only."""

RECIPES_CPU = {"campaign: cold": 44.0, "campaign: unchanged": 3.2, "campaign: after an edit": 36.0}
"""CPU seconds of MLflow Recipes 2.22 on the same table, with one logistic regression and no tuning."""


def main() -> int:
    """Measure and print; return 1 if a job did not do what it should."""
    options = _parse_options()
    figures, notes = Measurements(), []
    heavy: dict[str, list[str]] = {}
    names, failed = options.only or list(JOBS), ""
    with tempfile.TemporaryDirectory(prefix="magical-bench-") as folder:
        place = Path(folder)
        try:
            for name, reason in list(_find_unavailable(names, place)):
                names.remove(name)
                notes.append(f"{name}: not measured; {reason}.")
            if {"magical", "starts"} & set(names):
                heavy = jobs.check_imports(place)
            notes += _measure(names, options.repeat, place, figures)
        except CommandFailed as error:
            failed = str(error)
    aims = list(_check_aims(figures))
    _print_report(figures, aims, heavy, notes)
    if options.json:
        answer = {"figures": figures.to_json(), "aims": aims, "heavy imports": heavy, "notes": notes}
        options.json.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    if failed:
        print(f"Stopped before the end: {failed}", file=sys.stderr)
    return 1 if failed or any(heavy.values()) else 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what magical costs beside a plain script.")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="how many rounds")
    parser.add_argument("--only", action="append", choices=list(JOBS), metavar="NAME", help=", ".join(JOBS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args()


def _find_unavailable(names: list[str], place: Path) -> Iterator[tuple[str, str]]:
    if "tracked" in names and (reason := jobs.find_tracking_problem(place)):
        yield "tracked", reason
    if "dataframely" in names and (reason := jobs.find_dataframely_problem(place)):
        yield "dataframely", reason
    if "prefect" in names and (reason := jobs.find_prefect_problem(place)):
        yield "prefect", reason
    if "fit" in names and (reason := jobs.find_fit_problem(place)):
        yield "fit", reason
    if "campaign" in names and (reason := jobs.find_campaign_problem(place)):
        yield "campaign", reason


def _measure(names: list[str], repeat: int, place: Path, figures: Measurements) -> Iterator[str]:
    """Do the rounds, each job in turn; round 0 warms bytecode and disk, and does not count."""
    for number in range(repeat + 1):
        for name in names:
            if (name in SLOW_JOBS and number % SLOW_JOB_INTERVAL != 1) or (name == "tracked" and not number):
                continue
            folder = place / str(number) / name
            folder.mkdir(parents=True)
            _show_progress(f"round {number} of {repeat}: {name}")
            costs = JOBS[name](folder)
            if number:
                figures.add_round(costs)
    _show_progress("")
    if {"script", "magical"} <= set(names):
        yield _compare_scores(place / "0")


def _compare_scores(folder: Path) -> str:
    mine, other = jobs.read_scores(folder)
    if abs(mine - other) > 1e-9:
        raise CommandFailed(f"the ROC AUC differs: {mine!r} by the script, {other!r} by magical")
    return f"Both give the same ROC AUC after the edit: {mine!r} and {other!r}."


def _check_aims(figures: Measurements) -> Iterator[dict[str, object]]:
    for name, beside, most in AIMS:
        have, base = figures.median_cpu(name), figures.median_cpu(beside) if beside else 1.0
        if have is not None and base is not None:
            unit = f" × {beside}" if beside else " s"
            text = f"{name}: {have / base:.2f}{unit}, at most {most:g}"
            yield {"aim": text, "holds": have / base <= most}
    for name, limit in WALL_AIMS:
        if (wall := figures.median_wall(name)) is not None:
            yield {"aim": f"{name}: {wall:.1f} s by the clock, at most {limit:g}", "holds": wall <= limit}
    for name, limit in MEMORY_AIMS:
        if peak := figures.median_peak(name):
            text = f"{name}: {peak / 2**30:.2f} GiB at the peak, at most {limit / 2**30:g}"
            yield {"aim": text, "holds": peak <= limit}


def _print_report(
    figures: Measurements, aims: list[dict[str, object]], heavy: dict[str, list[str]], notes: list[str]
) -> None:
    base = figures.median_cpu("script: cold")
    head = f"{'CPU seconds, medians':<42} {'s':>7} {'× script':>9} {'Recipes':>8} {'wall':>7} {'GiB':>6}"
    print(head)
    for name, facts in figures.to_json().items():
        ratio = f"{facts['cpu'] / base:.2f}" if base else ""
        recipes = next((f"{v:g}" for k, v in RECIPES_CPU.items() if name.startswith(k)), "")
        line = f"{name:<42} {facts['cpu']:>7.2f} {ratio:>9} {recipes:>8} {facts['wall']:>7.2f}"
        print(f"{line} {facts['peak'] / 2**30:>6.2f}")
    print(f"\nAims (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")
    for aim in aims:
        print(f"  {'holds ' if aim['holds'] else 'MISSED'}  {aim['aim']}")
    for command, modules in heavy.items():
        mark, what = ("MISSED", ", ".join(modules)) if modules else ("holds ", "nothing heavy")
        print(f"  {mark}  {command} imports {what}")
    print("\n".join(_describe_speedup(figures)))
    print("\n".join(_describe_slowdown(figures)))
    lines = {p.name: count_code_lines(p) for p in (jobs.SCRIPT, jobs.PROJECT / "workflow.py")}
    print("\n" + ", ".join(f"{name} {count} lines" for name, count in lines.items()) + " of code.")
    print("\n".join(notes))


def _describe_speedup(figures: Measurements) -> Iterator[str]:
    one, two = (figures.costs.get(f"experiments on Dask, {n} at a time") for n in (1, 2))
    if one and two:
        ratio = median(a.wall / b.wall for a, b in zip(one, two, strict=True))
        yield f"\nExperiments side by side: two workers are {ratio:.2f} times as fast as one, by the clock."


def _describe_slowdown(figures: Measurements) -> Iterator[str]:
    """Compare round by round, so that a noisy machine treats both ways alike."""
    for where in ("beyond the steps' own", "in one process, imported"):
        local = figures.costs.get(f"{where}: local", [])
        for way in ("Prefect", "Prefect on Dask of two"):
            pairs = list(zip(figures.costs.get(f"{where}: {way}", []), local, strict=False))
            if pairs:
                cpu = median(a.cpu - b.cpu for a, b in pairs)
                wall = median(a.wall - b.wall for a, b in pairs)
                yield f"{way} more than local, {where}: {wall:.2f} s by the clock, {cpu:.2f} s CPU."


def _show_progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
