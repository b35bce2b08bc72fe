"""From a project on disk to numbers out of `mlflow.pyfunc`, in another process and another folder."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from magical.project import Run
from magical.project.scaffold.create import create_project
from mlflow_databases import database
from projects import Small, project, python

FLOW = """
import datetime as dt
from typing import Literal

import numpy as np
import polars as pl

from magical import Contract, Field, Frame, Id, InputPath, Receipt, Settings, Target, step, workflow
from magical.features import Feature, Log
from magical.library import (
    Experiment, RegisterSettings, SplitSettings, boosting, evaluate, featurize, ingest, linear, model_data, predict,
    register, select, split, transform, tune,
)
from helpers import ratio


class Row(Contract):
    key: Id[int]
    size: float = Field(ge=0)
    rooms: int | None
    place: Literal["town", "coast", "hills"] | None
    kind: str
    heated: bool | None
    built: dt.date
    outcome: Target[{target}]


class Rated(Row):
    rated: float | None


class FlowSettings(Settings):
    source: InputPath = InputPath("rows.csv")
    features: tuple[Feature, ...] = (Log("size"),)
    experiments: tuple[Experiment, ...] = (linear(trials=1), boosting(trials=1))
    registry: RegisterSettings = RegisterSettings()


@step
def rate(rows: Frame[Row]) -> Frame[Rated]:
    return rows.filter(pl.col("size") < 390).with_columns(rated=ratio("rooms", "size"))


@step(training_only=True)
def distinct(rows: Frame[Rated]) -> Frame[Rated]:
    return rows.unique(subset=["size", "kind"], maintain_order=True)


@workflow
def houses(s: FlowSettings) -> Receipt:
    rows = distinct(rate(model_data(ingest(s.source), Row)))
    train, validation, test = split(featurize(rows, s.features), SplitSettings(seed=3, folds=1))
    models = [tune(train, validation, transform(train, s.features), e) for e in s.experiments]
    best = select(models)
    return register(best, evaluate(predict(best, test), test), s.registry)
"""

HELPERS = """
import polars as pl


def ratio(a: str, b: str) -> pl.Expr:
    return pl.col(a) / pl.col(b)
"""

SCORE = """
import json, sys, warnings
import mlflow, pandas as pd, polars as pl
for uri, out in json.loads(sys.argv[1]):
    mlflow.set_tracking_uri(uri)
    model = mlflow.pyfunc.load_model("models:/houses@champion")
    polars = pl.read_parquet(f"{out}/rows.parquet")
    frames = {
        "polars": polars.to_pandas(),
        "pandas": pd.DataFrame(polars.to_dicts()),
        "objects": pd.DataFrame(polars.to_dicts(), dtype=object),
    }
    for name, frame in frames.items():
        pl.from_pandas(model.predict(frame)).write_parquet(f"{out}/{name}.parquet")
    ones = [model.predict(frames["polars"].iloc[[i]]) for i in range(5)]
    pl.from_pandas(pd.concat(ones)).write_parquet(f"{out}/single.parquet")
assert not {"workflow", "helpers"} & set(sys.modules)
"""

TARGETS = {
    "binary": ("bool", lambda x: x > 0),
    "multiclass": (
        'Literal["low", "middle", "high"]',
        lambda x: "low" if x < -4 else "high" if x > 4 else "middle",
    ),
    "regression": ("float", lambda x: x),
}


def rows(target: Any, count: int = 400) -> str:
    """A csv with nulls, whose target depends on three columns."""
    lines = ["key,size,rooms,place,kind,heated,built,outcome"]
    for i in range(count):
        size, rooms = (i * 7919) % 401, "" if i % 13 == 0 else str(i % 7)
        place = ["town", "coast", "hills", ""][i % 4]
        heated = ["true", "false", ""][i % 3]
        noise = (i * 104729) % 17 - 8
        value = (size - 200) / 20 + 3 * (i % 4 == 1) + noise / 2
        built = f"19{50 + i % 50}-0{1 + i % 9}-1{i % 9}"
        lines.append(f"{i},{size}.5,{rooms},{place},k{i % 5},{heated},{built},{target(value)}")
    return "\n".join(lines) + "\n"


def houses(root: Path, task: str) -> Small:
    hint, target = TARGETS[task]
    files = {"workflow.py": FLOW.replace("{target}", hint), "helpers.py": HELPERS, "rows.csv": rows(target)}
    small = project(root, files, tracking=True)
    database(root / ".magical")
    return small


def address(small: Small) -> str:
    return f"sqlite:///{small.root / '.magical' / 'mlflow.db'}"


@pytest.mark.slow
def test_the_registered_models_give_the_numbers_of_their_runs(tmp_path: Path) -> None:
    """One process for all three, which also imports nothing of theirs."""
    made = {task: houses(tmp_path / task / "houses", task) for task in TARGETS}
    runs = {task: small.run() for task, small in made.items()}
    for task, run in runs.items():
        assert run["register"].text.startswith("houses version 1, alias champion")
        typed = run["model_data"].drop("outcome")
        test = run["predict"].select("key").join(typed, on="key", maintain_order="left")
        dropped = typed.filter(pl.col("size") >= 390).head(2)
        assert dropped.height == 2
        pl.concat([test, dropped]).write_parquet(tmp_path / task / "rows.parquet")
    folders = [(address(small), str(tmp_path / task)) for task, small in made.items()]
    done = python("-c", SCORE, json.dumps(folders), cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    for task, run in runs.items():
        _compare(tmp_path / task, run)
        entries = {r.data.tags["magical.run"]: r for r in _runs(address(made[task]))}
        assert entries[run.name].data.metrics
        assert entries[run.name].info.status == "FINISHED"
    _run_again(made["binary"])


def _compare(folder: Path, run: Run) -> None:
    predicted = run["predict"]
    columns = [c for c in predicted.columns if c != "key"]
    wanted = predicted.select(columns)
    for form in ("polars", "pandas", "objects"):
        found = pl.read_parquet(folder / f"{form}.parquet")
        assert found.head(wanted.height).select(columns).equals(wanted), form
        tail = found.tail(2)
        assert tail["prediction"].null_count() == 2
        assert tail["reason"].to_list() == ["rate left it out"] * 2
    single = pl.read_parquet(folder / "single.parquet").select(columns)
    assert_frame_equal(single, wanted.head(5), rel_tol=1e-9)


def _run_again(small: Small) -> None:
    """A second run registers nothing, and a worse model gets no alias."""
    assert small.run().executed == []
    assert len(_runs(address(small))) == 1
    again = small.load(register=True).run(registry={"require": {"roc_auc": 0.999}})
    assert again.executed == ["register"]
    assert again["register"].text.startswith("houses version 2, no alias: roc_auc 0.")
    answer = json.loads(small.command("models", "--json").out)
    assert [(m["version"], m["aliases"]) for m in answer] == [("2", []), ("1", ["champion"])]


FILE = """
import sys
import mlflow, pandas as pd, polars as pl
uri, file, out = sys.argv[1:]
mlflow.set_tracking_uri(uri)
model = mlflow.pyfunc.load_model("models:/berths@champion")
frame = pd.read_csv(file) if file.endswith("csv") else pd.read_parquet(file)
assert str(frame["pclass"].dtype) == "int64"
scored = model.predict(frame)
assert "pclass" in model.metadata.signature.inputs.input_names()
frame.loc[0, "pclass"] = 9
assert list(model.predict(frame)["reason"][:2]) == ["pclass must be one of 1, 2, 3", None]
pl.from_pandas(scored).write_parquet(out)
"""
BERTHS = """
from typing import Literal

from magical import Contract, Id, Target


class Berth(Contract):
    id: Id[int]
    pclass: Literal[1, 2, 3]
    x: float
    saved: Target[bool]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("author", "form"), [("new", "csv"), pytest.param("hand", "parquet", marks=pytest.mark.torture)]
)
def test_a_model_takes_the_whole_numbers_of_the_file_it_came_from(
    form: str, author: str, tmp_path: Path
) -> None:
    some = range(300)  # the second class differs from those around it, which no line through numbers can say
    table = pl.DataFrame(
        {
            "id": some,
            "pclass": [1 + i % 3 for i in some],
            "x": [i * 7 % 11 / 2 for i in some],
            "saved": [int((i % 3 == 1) != (i % 20 == 0)) for i in some],
        }
    )
    file = tmp_path / f"berths.{form}"
    table.write_csv(file) if form == "csv" else table.write_parquet(file)
    made = Small(create_project(str(tmp_path / "berths"), str(file), "saved").root)
    assert "pclass: Literal[1, 2, 3]" in (made.root / "contracts.py").read_text()
    if author == "hand":
        made.write("contracts.py", BERTHS)
    database(made.root / ".magical")
    run = made.load(register=True).run(
        split={"folds": 1},
        experiments=[{"kind": "Linear", "trials": 1}, {"kind": "Boosting", "trials": 1, "rounds": 2}],
    )
    assert run["tune[linear]"].chosen.score < 0.4, "a category, not a number: the log loss of chance is 0.64"
    assert run["register"].text.startswith("berths version 1, alias champion")
    out = tmp_path / "out.parquet"
    done = python("-c", FILE, address(made), str(file), str(out), cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    predicted = run["predict"]
    found = table.select("id").hstack(pl.read_parquet(out))
    found = predicted.select("id").join(found, on="id", maintain_order="left").select(predicted.columns)
    assert found.equals(predicted)


STAMPS_FLOW = """
from datetime import datetime

from magical import Contract, Id, InputPath, Receipt, Settings, Target, step, workflow
from magical.features import Feature
from magical.library import (
    Experiment, RegisterSettings, SplitSettings, evaluate, featurize, ingest, linear, model_data, predict, register,
    split, transform, tune,
)


class Ticket(Contract):
    id: Id[int]
    opened: datetime
    late: Target[bool]


class FlowSettings(Settings):
    source: InputPath = InputPath("rows.csv")
    features: tuple[Feature, ...] = ()
    experiment: Experiment = linear(trials=1)
    registry: RegisterSettings = RegisterSettings()


@workflow
def tickets(s: FlowSettings) -> Receipt:
    rows = featurize(model_data(ingest(s.source), Ticket), s.features)
    train, validation, test = split(rows, SplitSettings(seed=3, folds=1))
    model = tune(train, validation, transform(train, s.features), s.experiment)
    return register(model, evaluate(predict(model, test), test), s.registry)
"""

SCORE_TEXTS = """
import sys
import mlflow, pandas as pd
uri, rows, out = sys.argv[1:]
mlflow.set_tracking_uri(uri)
model = mlflow.pyfunc.load_model("models:/tickets@champion")
frame = pd.read_csv(rows, dtype={"opened": object})
assert frame["opened"].str.endswith("00").all()
frame["p"] = model.predict(frame[["id", "opened"]]).filter(like="probability").iloc[:, -1]
ones = [model.predict(frame.iloc[[i]][["id", "opened"]]) for i in range(3)]
frame["one"] = pd.concat(ones).filter(like="probability").iloc[:, -1]
frame.to_parquet(out)
"""


def stamps(count: int = 200) -> str:
    """A csv of moments with offsets; the hour in UTC says which of them are late."""
    lines = ["id,opened,late"]
    for i in range(count):
        hour, offset = (i * 7) % 24, 1 + i % 2
        lines.append(
            f"{i},2023-0{1 + i % 7}-1{i % 9} {hour:02}:16:00+0{offset}00,{int((hour - offset) % 24 > 12)}"
        )
    return "\n".join(lines) + "\n"


@pytest.mark.slow
def test_the_registered_model_reads_texts_of_moments_as_the_run_did(tmp_path: Path) -> None:
    small = project(tmp_path / "tickets", {"workflow.py": STAMPS_FLOW, "rows.csv": stamps()}, tracking=True)
    database(small.root / ".magical")
    run = small.run()
    predicted = run["predict"]
    probability = next(c for c in predicted.columns[::-1] if c.startswith("probability"))
    wanted = predicted.select("id", p=probability)
    assert wanted["p"].n_unique() > 5
    out = tmp_path / "scored.parquet"
    words = (address(small), str(small.root / "rows.csv"), str(out))
    done = python("-c", SCORE_TEXTS, *words, cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    scored = pl.read_parquet(out)
    assert wanted.equals(wanted.select("id").join(scored.select("id", "p"), on="id", maintain_order="left"))
    assert_series_equal(scored["one"].head(3), scored["p"].head(3), check_names=False, rel_tol=1e-9)


def _runs(uri: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name("houses")
    assert found is not None
    return list(client.search_runs([found.experiment_id]))
