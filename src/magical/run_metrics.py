"""The parameters, metrics and tags of a run for MLflow, and their names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from magical.errors import shorten
from magical.events import RunStarted

__all__ = ["MAX_TEXT_LENGTH", "MetricExtractor", "flatten_settings", "make_run_tags"]

MAX_TEXT_LENGTH = 500  # older MLflow servers refuse longer parameters


class MetricExtractor:
    """Collects the scores of a run under unique names: a repeated name gets the step as prefix."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._candidates: dict[str, str] = {}

    def extract(self, step: str, value: Any) -> Iterator[tuple[str, float]]:
        """Extract the scores of a result: of any object with ``metrics``, each of them with a ``value``.

        Args:
            step: the node of the result.
            value: the result, as JSON.

        Example:
            >>> auc = {"value": 0.75, "low": 0.7, "high": 0.8}
            >>> dict(MetricExtractor().extract("evaluate", {"part": "test", "metrics": {"roc_auc": auc}}))
            {'roc_auc': 0.75, 'roc_auc.low': 0.7, 'roc_auc.high': 0.8}
        """
        scores = value.get("metrics") if isinstance(value, Mapping) else None
        if not isinstance(scores, Mapping):
            return
        part = value.get("part", "test")
        for name, score in scores.items():
            if not isinstance(score, Mapping) or not _is_number(score.get("value")):
                continue
            # The test part is what is reported, so its scores have the plain names.
            label = _make_label(name if part == "test" else f"{part}.{name}")
            if label in self._taken:
                label = _make_label(f"{step}.{label}")
            self._taken.add(label)
            yield label, float(score["value"])
            for bound in ("low", "high"):
                if _is_number(score.get(bound)):
                    yield f"{label}.{bound}", float(score[bound])

    def extract_candidates(self, step: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
        """Extract the scores of experiments, under ``validation.METRIC.CANDIDATE`` or ``out_of_fold....``.

        A selection scores the models that it is given again, on the same rows; its scores then count.

        Args:
            step: the node that compared them.
            rows: with ``candidate``, ``metric``, ``score`` and ``scored``.

        Example:
            >>> rows = [{"candidate": "linear", "metric": "log_loss", "score": 0.28, "chosen": True}]
            >>> dict(MetricExtractor().extract_candidates("select", rows))
            {'validation.log_loss.linear': 0.28}
        """
        for row in rows:
            if not _is_number(row.get("score")) or not math.isfinite(row["score"]):
                continue
            part = str(row.get("scored") or "validation").removeprefix("on ").replace(" ", "_")
            label = _make_label(f"{part}.{row.get('metric')}.{row.get('candidate')}")
            owner = self._candidates.setdefault(label, step)
            # Two nodes of one step compare different things, such as models of two targets.
            if owner != step and owner.partition("[")[0] == step.partition("[")[0]:
                label = _make_label(f"{step}.{label}")
            self._candidates[label] = step
            yield label, float(row["score"])


def flatten_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings to MLflow's parameters: dotted names, short texts.

    Example:
        >>> flatten_settings(
        ...     {"split": {"seed": 7}, "experiments": [{"kind": "Linear"}], "columns": ["a", "b"]}
        ... )
        {'split.seed': '7', 'experiments.0.kind': 'Linear', 'columns': '["a", "b"]'}
    """
    out: dict[str, str] = {}
    for key, given in settings.items():
        name = _make_label(f"{prefix}{key}")
        nested = isinstance(given, list) and any(isinstance(v, Mapping) for v in given)
        value = {str(i): v for i, v in enumerate(given)} if nested else given
        if isinstance(value, Mapping):
            out |= flatten_settings(value, f"{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            out[name] = shorten(text, MAX_TEXT_LENGTH)
    return out


def make_run_tags(started: RunStarted) -> dict[str, str]:
    """Make the tags by which a run is found in MLflow.

    Example:
        >>> make_run_tags(RunStarted(run="r1", workflow="flow", settings={}, nodes=[]))
        {'magical.run': 'r1', 'magical.workflow': 'flow', 'mlflow.source.name': 'flow'}
    """
    commit = str(started.git.get("commit") or "")
    tags = {
        "magical.run": started.run,
        "magical.workflow": started.workflow,
        "magical.profile": started.profile,
        "magical.host": started.host,
        "magical.process": str(started.process or ""),
        "magical.sample": str(started.sample or ""),
        "magical.origin": ", ".join(started.origin),
        "magical.explores": "; ".join(started.explores),
        "magical.commit": commit,
        "magical.dirty": str(bool(started.git.get("dirty"))).lower() if commit else "",
        "mlflow.source.name": started.workflow,
        "mlflow.source.git.commit": commit,
    }
    return {name: shorten(text, MAX_TEXT_LENGTH) for name, text in tags.items() if text}


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)  # a bool is an int to Python


def _make_label(name: str) -> str:
    """Replace the characters that MLflow refuses in a name: all but letters, digits and ``_-./ ``."""
    return re.sub(r"[^\w\-./ ]", "_", name, flags=re.ASCII)[:250]
