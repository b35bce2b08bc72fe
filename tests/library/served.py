"""Small projects on disk, executed without the engine, for tests of scoring and registering."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magical.contracts.promises import attach_promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import Registry, StepContext
from magical.events import current_sink
from magical.graph import Graph, Node
from magical.library.scorer.scorer import Scorer
from magical.refs import Link, Wire
from magical.scoring_path import ScoringPath, derive_scoring_path
from projects import without_other_projects

Context = Callable[[Node, "Played"], StepContext | None]

WORKFLOW = '''
"""Customers who answer."""

import datetime as dt
from typing import Literal

import numpy as np
import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from magical import Contract, Field, Frame, Id, Model, Parts, Settings, Target, Time, contract_of, partition
from magical import step, workflow
from magical.contracts.model import Candidate, to_canonical_frame

import helpers
from helpers import doubled
{imports}


class Customer(Contract):
    id: Id[int]
    born: int = Field(ge=1890, le=2010)
    income: float | None
    children: int | None
    education: Literal["Basic", "Master", "PhD"] | None
    member: bool | None
    enrolled: Time[dt.date]
    answers: Target[bool]


class Featured(Customer):
    age: int
    richness: float | None


class Ages(Settings):
    today: int = 2014
    oldest: int = 100


@step(reads="world")
def source(rows: int) -> Frame:
    rng = np.random.default_rng(5)
    income = rng.normal(50, 20, rows).round(2)
    born = rng.integers(1920, 1995, rows)
    return pl.DataFrame({{
        "id": np.arange(rows) + 1000,
        "born": born,
        "income": pl.Series(income).scatter(list(range(0, rows, 7)), None),
        "children": pl.Series(rng.integers(0, 4, rows)).scatter(list(range(3, rows, 11)), None),
        "education": pl.Series(rng.choice(["Basic", "Master", "PhD"], rows).tolist()).scatter([4, 5], None),
        "member": pl.Series(rng.random(rows) < 0.5).scatter([6], None),
        "enrolled": [dt.date(2012, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 900, rows)],
        "answers": rng.random(rows) < 1 / (1 + np.exp(-(income - 50) / 10 - (born - 1955) / 20)),
    }})


@step
def typed_rows(raw: Frame, contract: type[Customer]) -> Frame[Customer]:
    return raw


@step(training_only=True)
def distinct(customers: Frame[Customer]) -> Frame[Customer]:
    return customers.unique(subset=["born", "income", "children"], keep="first", maintain_order=True)


@step
def aged(customers: Frame[Customer], ages: Ages, unit: float = 1.0) -> Frame[Featured]:
    import late

    assert "enrolled" in contract_of(customers).names
    table = customers.with_columns(
        (ages.today - pl.col("born")).alias("age"),
        doubled(pl.col("income")).mul(unit).mul(late.ONE).alias("richness"),
    )
    return {aged}


@step
def cut(table: Frame[Featured]) -> Parts[Featured]:
    part = pl.Series(["train", "train", "validation", "test"] * table.height)[: table.height]
    return partition(table, part)


@step
def fit(train: Frame[Featured], validation: Frame[Featured]) -> Model:
    schema = contract_of(train)
    schema = type(schema)("Features", tuple(c for c in schema.columns if not c.role))
    numbers = [c.name for c in schema.columns if c.type != "str"]
    pipeline = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(add_indicator=True), {extra}StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), ["education"]),
        ),
        {estimator},
    ).fit(to_canonical_frame(train, schema), train["answers"].to_numpy())
    chosen = Candidate("logistic", 0.75, "roc_auc", {{"C": 1.0}})
    return Model(pipeline, "binary", "answers", schema, (False, True), chosen=chosen)


@step
def predict(model: Model, table: Frame) -> Frame:
    return table.select("id").hstack(model.predict(table))


@workflow
def campaign() -> Frame:
    customers = distinct(typed_rows(source({rows}), Customer))
    featured = aged(customers, Ages({ages}))
    train, validation, test = cut(featured)
    best = fit(train, validation)
    return predict(best, test)
'''

REGISTERED = (
    WORKFLOW
    + """

from magical import Receipt
from magical.library import RegisterSettings, evaluate, register


@workflow
def campaign() -> Receipt:
    customers = distinct(typed_rows(source({rows}), Customer))
    featured = aged(customers, Ages({ages}))
    train, validation, test = cut(featured)
    best = fit({fitted})
    predictions = predict(best, test)
    return register(best, evaluate(predictions, test), RegisterSettings({how}))
"""
)

RAW_STEP = """

@step
def in_cents(raw: Frame, rate: float) -> Frame:
    return raw.with_columns(pl.col("income").mul(rate * helpers.FACTOR).fill_null(pl.col("income").mean()))


@workflow
def campaign() -> Frame:
    customers = distinct(typed_rows(in_cents(source({rows}), 50.0), Customer))
    train, validation, test = cut(aged(customers, Ages({ages})))
    return predict(fit(train, validation), test)
"""

HELPERS = """
import polars as pl
from sklearn.base import BaseEstimator, TransformerMixin

FACTOR = {factor}


def doubled(column: pl.Expr) -> pl.Expr:
    return column * FACTOR


class Shift(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.shift_ = float(FACTOR)
        return self

    def transform(self, X):
        return X + FACTOR * self.shift_
"""


@dataclass
class Played:
    """A project that was executed without the engine."""

    root: Path
    graph: Graph
    values: dict[str, Any] = field(default_factory=dict)

    def value(self, link: Link) -> Any:
        """The value of a node, or an item of it."""
        whole = self.values[link.node]
        if not link.item:
            return whole
        return whole[int(link.item)] if isinstance(whole, tuple | list) else getattr(whole, link.item)

    def path(self, node: str = "predict") -> ScoringPath:
        """The scoring path of the model that a node takes."""
        return derive_scoring_path(self.graph, node)

    def scorer(self, node: str = "predict") -> Scorer:
        """The scorer of that model."""
        path = self.path(node)
        model = next(v for v in self.values.values() if hasattr(v, "pipeline"))
        return Scorer.from_path(path, model, self.value)

    def saved(self, key: str, folder: Path) -> Scorer:
        """The scorer, written and read back."""
        self.scorer().save(folder, key=key, root=self.root)
        return Scorer.load(folder)


def write(root: Path, **changes: Any) -> Path:
    """Write the project's files."""
    given = {
        "imports": "",
        "aged": "table",
        "extra": "",
        "estimator": "LogisticRegression()",
        "rows": 240,
        "ages": "",
        "factor": 2,
        "fitted": "train, validation",
        "how": "",
        "workflow": WORKFLOW,
        "helpers": HELPERS,
    } | changes
    root.mkdir(parents=True, exist_ok=True)
    workflow, helpers = given.pop("workflow"), given.pop("helpers")
    (root / "workflow.py").write_text(workflow.format(**given))
    (root / "helpers.py").write_text(helpers.format(**given))
    (root / "late.py").write_text("ONE = 1\n")
    return root


def play(root: Path, context: Context | None = None) -> Played:
    """Import a project and run its nodes in order, in this process."""
    names = [p.stem for p in root.glob("*.py")] + [p.name for p in root.iterdir() if p.is_dir()]
    for name in [n for n in sys.modules if n.split(".")[0] in names]:
        del sys.modules[name]
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        with without_other_projects():
            module = importlib.import_module("workflow")
            graph = module.campaign.draw()
            played = Played(root, graph)
            for node in graph.nodes:
                played.values[node.name] = _execute(node, played, context)
    finally:
        sys.path.remove(str(root))
    return played


@dataclass
class StubStore:
    """The part of a store that a registering step uses."""

    home: Path

    def find_record(self, key: str) -> Record:
        """A record of any key."""
        return Record(key, "", "", {}, Artifact("table", f"content of {key}"))

    def scratch(self, key: str) -> Path:
        """A folder for a key."""
        folder = self.home / key
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def in_a_run(registry: Registry | None, home: Path, key: str, kept: dict[str, Any]) -> Context:
    """The context of a step that registers; what the step keeps is put into ``kept``."""

    def context(node: Node, played: Played) -> StepContext | None:
        if not node.writes:
            return None
        return StepContext(
            node=node,
            key=key,
            graph=played.graph,
            store=StubStore(home),  # type: ignore[arg-type]
            load=played.values.__getitem__,
            records={n: Record(f"key of {n}", n, n, {}, Artifact("none", "none")) for n in played.values},
            dispatch_event=lambda event: None,
            registry=(lambda: registry) if registry is not None else None,
            run="run-1",
            root=played.root,
            kept=kept,
        )

    return context


def forget(root: Path) -> None:
    """Drop a project's modules, as another process would not have them."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{root}/"):
            del sys.modules[name]


def _execute(node: Node, played: Played, context: Context | None) -> Any:
    assert node.call is not None

    def wired(wire: Wire, plain: Any) -> Any:
        if isinstance(wire, Link):
            return played.value(wire)
        return plain if wire is None else [wired(w, p) for w, p in zip(wire, plain, strict=True)]

    plain = node.call.arguments
    arguments = {**plain, **{n: wired(w, plain.get(n)) for n, w in node.inputs.items()}}
    token = current_sink.set(context(node, played) if context else None)
    try:
        return attach_promise(node.call.step.function(**arguments), node.call.promise)
    finally:
        current_sink.reset(token)
