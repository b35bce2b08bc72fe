"""Measure how often the 95 % intervals of `evaluate` hold the truth: `make bench-coverage`.

Each data set is drawn from a known source and judged by `evaluate`; the truth is what the same predictions
would score on endless rows of that source. Of 1,000 intervals that hold it with 95 %, chance alone leaves
93.6 to 96.3 %.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # many small jobs: threads would only wait for each other

import numpy as np
import polars as pl
from scipy import optimize, stats

from magical import Contract, Id, Target
from magical.contracts.promises import contract_of
from magical.library import model_data
from magical.library.metrics.metrics import (
    METRICS_BY_TASK,
    compute_confusion_metrics,
    compute_log_losses,
    compute_ranking_metrics,
)
from magical.library.metrics.scores import Score
from magical.library.metrics.table_metrics import resample_metrics

Array = np.ndarray[Any, Any]
Draw = tuple[pl.DataFrame, pl.DataFrame]
"""A table of the truth, and the predictions of its rows."""

SIZES = (200, 2_000)
AIM = (0.93, 0.97)
POPULATION = 400_000
SPREAD = 2.0
"""The standard deviation of what the predictions know, in logits, or beside errors of about 1."""


class Two(Contract):
    """Rows of two classes."""

    id: Id[int]
    y: Target[Literal["0", "1"]]


class Three(Contract):
    """Rows of three classes."""

    id: Id[int]
    y: Target[Literal["0", "1", "2"]]


class Number(Contract):
    """Rows with a number."""

    id: Id[int]
    y: Target[float]


class Source(NamedTuple):
    """A source of data sets: what it is called, its task, how to draw rows, and the true metrics."""

    name: str
    task: str
    draw: Callable[[np.random.Generator, int], Draw]
    truth: Mapping[str, float]


def make_classes(name: str, shares: Sequence[float]) -> Source:
    """Make a source of classes with these shares, and predictions that are a little too cautious."""
    size = len(shares)

    def draw_logits(rng: np.random.Generator, rows: int) -> Array:
        known = rng.normal(0, SPREAD, (rows, size))
        known[:, 0] = 0.0  # the first class is what the others are compared with
        return known

    sample = draw_logits(np.random.default_rng(1), POPULATION)

    def measure_misfit(offsets: Array) -> Array:
        return _softmax(sample[:20_000] + np.append(0.0, offsets)).mean(axis=0)[1:] - shares[1:]

    offsets = np.array([0.0, *optimize.fsolve(measure_misfit, np.log(np.array(shares[1:]) / shares[0]))])

    def draw(rng: np.random.Generator, rows: int) -> Draw:
        logits = draw_logits(rng, rows) + offsets
        truth = (_softmax(logits).cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
        guess = _softmax(0.8 * logits)
        labels = pl.Series("prediction", guess.argmax(axis=1)).cast(pl.String)
        columns = {f"probability_{c}": guess[:, c] for c in range(size)}
        ids = pl.Series("id", range(rows))
        table = model_data(
            pl.DataFrame([ids, pl.Series("y", truth).cast(pl.String)]), Two if size == 2 else Three
        )
        return table, pl.DataFrame([ids, labels]).with_columns(
            **{n: pl.Series(v) for n, v in columns.items()}
        )

    truth = _judge_classes(_softmax(sample + offsets), _softmax(0.8 * (sample + offsets)))
    return Source(name, "binary" if size == 2 else "multiclass", draw, truth)


def make_numbers(name: str, error: Any) -> Source:
    """Make a source of numbers whose predictions err by this distribution."""

    def draw(rng: np.random.Generator, rows: int) -> Draw:
        guess = rng.normal(0, SPREAD, rows)
        ids = pl.Series("id", range(rows))
        truth = pl.Series("y", guess + error.rvs(rows, random_state=rng))
        return model_data(pl.DataFrame([ids, truth]), Number), pl.DataFrame(
            [ids, pl.Series("prediction", guess)]
        )

    variance = float(error.var())
    mae = float(2 * error.expect(lambda e: e, lb=0))
    return Source(
        name, "regression", draw,
        {"rmse": variance**0.5, "mae": mae, "r2": 1 - variance / (variance + SPREAD**2)},
    )  # fmt: skip


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _judge_classes(chance: Array, guess: Array) -> dict[str, float]:
    """Compute the metrics on endless rows: each row of the sample counts for each class by its chance."""
    size = chance.shape[1]
    labels = guess.argmax(axis=1)
    counts = np.array([[chance[labels == p, t].sum() for p in range(size)] for t in range(size)])
    confusion = compute_confusion_metrics(counts[None])
    classes = [np.full(len(chance), c) for c in range(size)]
    logs = sum(float((chance[:, c] * compute_log_losses(guess, classes[c])).mean()) for c in range(size))
    ranked = [np.argsort(guess[:, c]) for c in range(size)]
    ranking = [
        {
            n: float(v[0])
            for n, v in compute_ranking_metrics(chance[r, c][None], 1 - chance[r, c][None]).items()
        }
        for c, r in enumerate(ranked)
    ]
    error = chance[:, -1] * (1 - guess[:, -1]) ** 2 + (1 - chance[:, -1]) * guess[:, -1] ** 2
    return {
        "log_loss": logs,
        "brier": float(error.mean()),
        "accuracy": float(confusion["accuracy"][0]),
        "f1_macro": float(confusion["f1"][0].mean()),
        "roc_auc_ovr": float(np.mean([r["roc_auc"] for r in ranking])),
        **ranking[-1],
        **{n: float(confusion[n][0, -1]) for n in ("f1", "precision", "recall")},
    }


def make_sources() -> tuple[Source, ...]:
    """Make the sources of the table in docs/judging.md."""
    return (
        make_classes("two classes, 0.5", (0.5, 0.5)),
        make_classes("two classes, 0.1", (0.9, 0.1)),
        make_classes("three classes, 0.1", (0.6, 0.3, 0.1)),
        make_numbers("normal errors", stats.norm()),
        make_numbers("heavy tails", stats.t(3)),
    )


def judge(table: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Score]:
    """Judge predictions as ``evaluate`` does, without its baselines, which would take most of the time."""
    names = [n for n in predictions.columns if n.startswith("probability_")]
    schema = contract_of(table)
    rows = table.join(predictions, on="id")
    return resample_metrics(rows, schema.column(schema.target or ""), names).summarize()


def measure_coverage(source: Source, rows: int, sets: int) -> dict[str, float]:
    """Measure the share of intervals that hold the truth, by metric; one that is left out holds nothing."""
    names = METRICS_BY_TASK[source.task]
    held = dict.fromkeys(names, 0)
    for number in range(sets):
        table, predictions = source.draw(np.random.default_rng([rows, number]), rows)
        found = judge(table, predictions)
        for name in names:
            score = found.get(name)
            held[name] += score is not None and score.low <= source.truth[name] <= score.high
    return {name: count / sets for name, count in held.items()}


def format_table(coverage: Mapping[tuple[str, int], Mapping[str, float]]) -> str:
    """Format a table in Markdown for sources of one task: a row a metric, misses of the aim in bold."""
    names = next(iter(coverage.values()))
    heads = [f"{source}, {rows:,} rows" for source, rows in coverage]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in names:
        cells = [f"{c[name]:.1%}".replace("%", " %") for c in coverage.values()]
        marked = [
            cell if AIM[0] <= c[name] <= AIM[1] else f"**{cell}**"
            for cell, c in zip(cells, coverage.values(), strict=True)
        ]
        lines.append(f"| `{name}` | {' | '.join(marked)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all sources, and print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", type=int, default=1_000, help="the data sets of each source and size")
    sets = parser.parse_args().sets
    found: dict[str, dict[tuple[str, int], dict[str, float]]] = {}
    for source in make_sources():
        for rows in SIZES:
            measured = measure_coverage(source, rows, sets)
            found.setdefault(source.task, {})[source.name, rows] = measured
    print("\n\n".join(map(format_table, found.values())))


if __name__ == "__main__":
    main()
