"""A run made by hand: a journal and a store with the tables that the library's steps keep."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.journal import Journal
from magical.events import Event, LogLine, RunFinished, RunStarted, StepFinished, StepStarted
from magical.report.run_evidence import RunEvidence
from magical.stores.local.store import LocalStore

SPAN = {"low": 0.7, "high": 0.9}
SCORES: dict[str, Any] = {
    "task": "binary",
    "target": "response",
    "part": "test",
    "rows": 40,
    "positive": "True",
    "rarest": 40,
    "metrics": {"roc_auc": {"value": 0.8, **SPAN}, "log_loss": {"value": 0.4, "low": 0.3, "high": 0.5}},
}
KEPT: dict[str, list[dict[str, Any]]] = {
    "baselines": [
        {
            "baseline": b,
            "metric": "roc_auc",
            "value": v,
            **SPAN,
            "gain": g,
            "gain_low": g - 0.1,
            "gain_high": g + 0.1,
        }
        for b, v, g in (("constant", 0.5, 0.3), ("linear", 0.78, 0.02))
    ],
    "confusion": [
        {"truth": t, "prediction": p, "rows": n}
        for t, p, n in (
            ("False", "False", 20),
            ("False", "True", 3),
            ("True", "False", 5),
            ("True", "True", 12),
        )
    ],
    "roc": [
        {
            "threshold": 1 - x,
            "false_positive_rate": x,
            "true_positive_rate": x**0.5,
            "low": x / 2,
            "high": 1.0,
        }
        for x in (0.0, 0.1, 0.5, 1.0)
    ],
    "precision_recall": [
        {"threshold": 1 - x, "recall": x, "precision": 1 - x / 2, "low": 0.2, "high": 1.0}
        for x in (0.1, 0.5, 1.0)
    ],
    "calibration": [
        {"tenth": i, "rows": 20, "prediction": p, "truth": t, "low": t - 0.1, "high": t + 0.1}
        for i, (p, t) in enumerate(((0.1, 0.12), (0.8, 0.5)))
    ],
    "score_histogram": [
        {"class": c, "left": x, "right": x + 0.5, "share": s}
        for c, x, s in (("False", 0.0, 0.9), ("False", 0.5, 0.1), ("True", 0.0, 0.2), ("True", 0.5, 0.8))
    ],
    "classes": [
        {"class": c, "rows": 20, "predicted": 20}
        | {f"{m}{end}": 0.5 for m in ("precision", "recall", "f1") for end in ("", "_low", "_high")}
        for c in ("False", "True")
    ],
    "gain": [{"share": x, "captured": x**0.5, "lift": 2.0, "low": x, "high": 1.0} for x in (0.2, 1.0)],
    "decision": [
        {"threshold": t, "value": v, "low": v - 1, "high": v + 1, "chosen": t == 0.3}
        for t, v in ((0.1, 4.0), (0.3, 2.0), (0.9, 5.0))
    ],
    "slices": [
        {
            "slice": "<b>region</b> = north",
            "kind": "found",
            "rows": 9,
            "metric": "log_loss",
            "value": 0.9,
            **SPAN,
        }
        | {"difference": 0.5, "p": 0.001, "confirmed": True}
    ],
    "worst": [
        {"id": i, "response": True, "prediction": False, "surprise": 3.0, "note": "x"} for i in range(3)
    ],
}
GATE = [
    {"criterion": "roc_auc", "threshold": ">= 0.7", "value": "0.8", "held": True},
    {"criterion": "LEAK002 overlap", "threshold": "passed", "value": "not assessed", "held": None},
]


class MadeRun:
    """Writes the records and the events of one run.

    Args:
        folder: where journal and store are created.
    """

    def __init__(self, folder: Path, **facts: Any) -> None:
        self.store, self.journal = LocalStore(folder / "store", trust=True), Journal(folder / "runs")
        self.name = self.journal.create_run()
        self.write(
            RunStarted(run=self.name, workflow="shop", settings={"max_age": 80}, **{"nodes": [], **facts})
        )

    def write(self, event: Event) -> None:
        """Append an event to the journal."""
        self.journal.write(self.name, event)

    def add(
        self,
        node: str,
        step: str,
        value: Any,
        kept: Mapping[str, list[dict[str, Any]]] | None = None,
        origin: tuple[str, ...] = (),
    ) -> None:
        """Store the result of a step with its kept tables, and write its events."""
        key = node.encode().hex().ljust(40, "0")[:40]
        result = value if isinstance(value, Artifact) else self.store.save(value, Promise("any"), key)
        tables = {
            n: self.store.save(pl.DataFrame(rows), Promise("any"), key) for n, rows in (kept or {}).items()
        }
        self.store.put_record(Record(key, node, step, {}, result, tables, run=self.name, origin=origin))
        self.write(StepStarted(step=node, key=key))
        self.write(
            StepFinished(step=node, key=key, seconds=0.5, summary=result.summary, content=result.content)
        )

    def end(self, state: str = "done") -> RunEvidence:
        """Write the last event, and return the evidence."""
        self.write(RunFinished(run=self.name, state=state, seconds=2.0, executed=3))
        return self.evidence

    @property
    def evidence(self) -> RunEvidence:
        """The evidence of the run so far."""
        return RunEvidence(self.journal.read(self.name), self.journal, self.store)


def make_judged_run(folder: Path, kept: Mapping[str, list[dict[str, Any]]] = KEPT, **facts: Any) -> MadeRun:
    """Make a run from a raw table to a registered model."""
    run = MadeRun(folder, **facts)
    table = pl.DataFrame({"id": range(200), "response": [True, False] * 100})
    run.add("ingest", "magical.library.ingesting:ingest", table)
    run.add("clean", "shop:clean", table.head(190), {"rejected": table.tail(10).to_dicts()})
    parts = {n: Artifact("table", n, summary=f"{rows} × 2") for n, rows in (("train", 150), ("test", 40))}
    run.add(
        "split", "magical.library.splitting:split", Artifact("group", "s", summary="train 150", items=parts)
    )
    trials = [
        {"trial": i, "log_loss": s, "seconds": 1.0, "state": "complete", "folds": 5, "failure": ""}
        for i, s in enumerate((0.5, 0.4))
    ]
    run.add("tune[linear]", "magical.library.tuning:tune", 0, {"trials": trials})
    row = {"metric": "log_loss", "scored": "out of fold", "rows": 150, "params": "{}", "failure": None}
    candidates = [
        {"candidate": "boosting", "score": 0.4, "chosen": True, **row},
        {"candidate": "linear", "score": 0.41, "chosen": False, **row},
    ]
    near = [
        {
            "candidate": c,
            "metric": "log_loss",
            "value": v,
            **SPAN,
            "loss_to_best": v - 0.4,
            "within_noise": True,
        }
        for c, v in (("boosting", 0.4), ("linear", 0.41))
    ]
    run.add(
        "select", "magical.library.selecting:select", 0, {"candidates": candidates, "candidate_scores": near}
    )
    run.add("evaluate", "magical.library.evaluating:evaluate", SCORES, kept)
    importance = [{"columns": "income + spent", "value": 0.1, **SPAN, "level": "raw"}]
    places = [
        {"column": "income", "place": str(x), "position": float(x), "prediction": x / 10, **SPAN, "rows": 9}
        for x in (1, 2)
    ]
    told = {"part": "validation", "loss": "log_loss", "outcome": "probability of True"}
    run.add(
        "explain",
        "magical.library.explaining:explain",
        told,
        {"importance": importance, "dependence": places},
    )
    details = {"name": "shop", "version": "3", "alias": "champion", "gate": GATE, "comparison": None}
    run.add(
        "register", "magical.library.registering:register", {"done": True, "text": "", "details": details}
    )
    run.write(LogLine(step="evaluate", text="12 rows are left out.", level="warning"))
    return run
