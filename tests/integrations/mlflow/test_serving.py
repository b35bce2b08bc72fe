"""A model behind `mlflow models serve`, and in `mlflow.pyfunc`: rows arrive as they were sent."""

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from library.visits import NULLABLE, ROW, visits
from magical.contracts.schema import Column, Schema
from magical.engine.protocols import Submission
from magical.integrations.mlflow.client import prepare_mlflow
from magical.integrations.mlflow.registry import save_submission
from magical.library.scorer.scorer import Scorer
from mlflow_databases import free_port

KEY = "d" * 40
OUTPUTS = Schema("Prediction", (Column("prediction", "float", True), Column("reason", "str", True)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of MLflow."""
    home = tmp_path_factory.mktemp("visits")
    scorer = visits(home / "project").scorer()
    package = scorer.save(home / "scorer", key=KEY, root=home / "project")
    submission = Submission(
        name="visits",
        key=KEY,
        folder=home / "scorer",
        loader="magical.library.scorer.scorer",
        code=[home / "scorer" / "code" / package.name],
        inputs=scorer.chain.row_schema,
        outputs=OUTPUTS,
        example=pl.DataFrame([ROW]),
        requirements=["polars"],
        tags={},
    )
    save_submission(submission, home / "model")
    return home


@pytest.fixture(scope="module")
def scorer(place: Path) -> Scorer:
    return Scorer.load(place / "scorer")


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON: dates and moments as ISO texts, local times where the contract names a zone."""
    return {k: v.isoformat() if isinstance(v, dt.date) else v for k, v in row.items()}


GOOD = [
    ROW,
    {**ROW, **dict.fromkeys(NULLABLE)},
    {**ROW, "flag": False, "note": "", "kind": "0", "count": 24.0},
]
BAD = {
    "flag": ("no!", None, 2, [True]),
    "count": (24.5, None, "1,5", 2**53, True and "x", 1001),
    "visits": ({"n": 1}, "many"),
    "income": ("1.234,5", None, "inf"),
    "code": ("7", "village"),
    "day": ("03/04/2024", "2024-01-31T10:00:00", None),
    "seen": ("yesterday", None),
    "gone": ("2024-03-31T02:30:00",),
    "kind": (None, ""),
}
CASES = [(column, value) for column, values in BAD.items() for value in values]
ROWS = [*GOOD, *({**ROW, column: value} for column, value in CASES), ROW]


def check(predictions: list[dict[str, Any]], scorer: Scorer, rows: list[dict[str, Any]]) -> None:
    """Compare with the scorer, one row at a time: the others of a request must not matter."""
    assert len(predictions) == len(rows)
    for given, row in zip(predictions, rows, strict=True):
        wanted = _score_alone(scorer, row)
        assert given["reason"] == wanted["reason"], row
        numbers = [p["prediction"] if p["prediction"] is not None else -1.0 for p in (given, wanted)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-14), row
    bad = [p for p in predictions if p["prediction"] is None]
    assert len(rows) - len(bad) == len(GOOD) + 1
    assert all(p["reason"] for p in bad)


ALONE: dict[str, dict[str, Any]] = {}


def _score_alone(scorer: Scorer, row: dict[str, Any]) -> dict[str, Any]:
    if repr(row) not in ALONE:
        ALONE[repr(row)] = scorer.score([row]).to_dicts()[0]
    return ALONE[repr(row)]


def test_in_process_each_kind_of_table_gives_the_same(place: Path, scorer: Scorer) -> None:
    with prepare_mlflow("sqlite://"):
        import mlflow
    model = mlflow.pyfunc.load_model(str(place / "model"))
    assert [c.name for c in model.metadata.signature.inputs.inputs][:3] == ["id", "flag", "maybe"]
    rows = [as_json(r) for r in ROWS]
    forms: dict[str, Any] = {
        "records": rows,
        "lists": {k: [r[k] for r in rows] for k in ROW},
        "pandas": pd.DataFrame(rows),
        "objects": pd.DataFrame(rows, dtype=object),
    }
    for form in forms.values():
        check(model.predict(form).to_dict("records"), scorer, rows)
    good = pl.DataFrame(GOOD[:2]).rename({"weight": "Body Weight"})
    wanted = scorer.predict(GOOD[:2])["prediction"].to_list()
    for table in (good, good.to_arrow(), good.to_pandas(), good.to_arrow().to_batches()[0], good.to_dicts()):
        assert model.predict(table)["prediction"].tolist() == wanted
    assert isinstance(good.to_arrow(), pa.Table)


@pytest.fixture(scope="module")
def served(place: Path) -> Iterator[str]:
    """The address of a real server of the model."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        str(place / "model"),
        "-h",
        "127.0.0.1",
    ]
    command += ["-p", str(port), "--env-manager", "local", "--workers", "1"]
    log, folder = place / "serve.log", str(Path(sys.executable).parent)  # MLflow looks for uvicorn there
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=place,
            env=environment,
        )
    try:
        for _ in range(600):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2),
            ):
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(timeout=20)


def post(address: str, body: Any, kind: str = "application/json") -> list[dict[str, Any]]:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()[-3000:]) from None
    assert "NaN" not in text
    found: list[dict[str, Any]] = json.loads(text)["predictions"]
    return found


@pytest.mark.slow
def test_a_server_answers_every_request_with_a_prediction_or_a_reason(served: str, scorer: Scorer) -> None:
    rows = [as_json(r) for r in ROWS]
    check(post(served, {"dataframe_records": rows}), scorer, rows)
    split = {"columns": list(ROW), "data": [list(r.values()) for r in rows]}
    check(post(served, {"dataframe_split": split}), scorer, rows)
    # In a csv a missing value is an empty text, and what is neither text nor number has no form.
    texts = [
        {k: "" if v is None else str(v) for k, v in r.items()}
        for r in rows
        if not any(map(_is_nested, r.values()))
    ]
    found = post(served, pd.DataFrame(texts).to_csv(index=False), "text/csv")
    check(found, scorer, texts)
    wanted = scorer.predict(GOOD)["prediction"].to_list()
    assert [f["prediction"] for f in found[:3]] == pytest.approx(wanted, rel=1e-14)
    # One row at a time, and by the name that the source has.
    for row in rows[:4]:
        renamed = {"Body Weight" if k == "weight" else k: v for k, v in row.items()}
        check_one = post(served, {"dataframe_records": [renamed]})[0]
        assert check_one == scorer.score([row]).to_dicts()[0]


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)


@pytest.mark.slow
def test_a_missing_column_is_named_by_the_server(served: str) -> None:
    rows = [{k: v for k, v in as_json(ROW).items() if k != "income"}]
    with pytest.raises(AssertionError, match="missing: income"):
        post(served, {"dataframe_records": rows})
