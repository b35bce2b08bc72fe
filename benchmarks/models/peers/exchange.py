"""What each peer is given, and what it must write. It runs in the peers' own environments: pandas and numpy.

python PEER.py fit FOLDER MODEL BUDGET       reads train.parquet and task.json, writes a folder MODEL
python PEER.py score FOLDER MODEL ANSWER     reads test.parquet, writes predictions and speeds into ANSWER
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SECONDS, REPEATS = 2.0, 20
"""The limits of measuring a speed."""

Predict = Callable[[Any], Any]


def take_part(
    fit: Callable[[pd.DataFrame, dict[str, Any], float, Path], None],
    load: Callable[[Path, dict[str, Any]], Predict],
    deploy: Callable[[Path, Path], object] | None = None,
) -> None:
    """Do what the command line says.

    Args:
        fit: called with rows, task, budget in seconds and an empty folder, in which it saves the model.
        load: loads the model from the folder, and returns its function from rows to predictions: numbers, or
            for classes an array of probabilities, a column for each.
        deploy: copies what serving needs to another folder, where that is less than the model.
    """
    verb, folder, model = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    if verb == "fit":
        model.mkdir(parents=True)
        fit(read_rows(folder / "train.parquet", task), task, float(sys.argv[4]), model)
    else:
        answer = Path(sys.argv[4])
        answer.mkdir(parents=True)
        _score(load(model, task), read_rows(folder / "test.parquet", task), answer)
        if deploy is not None:
            deploy(model, answer / "deployed")


def read_rows(path: Path, task: dict[str, Any]) -> pd.DataFrame:
    """Read a table of the peers."""
    rows = pd.read_parquet(path)
    # pandas reads days as objects of Python.
    return rows.assign(**{name: pd.to_datetime(rows[name]) for name in task["dates"]})


def divide(rows: pd.DataFrame, task: dict[str, Any]) -> tuple[pd.DataFrame, pd.Series]:
    """Divide a table into features and target."""
    return rows.drop(columns=task["target"]), rows[task["target"]]


def _score(predict: Predict, rows: pd.DataFrame, answer: Path) -> None:
    predicted = np.asarray(predict(rows), dtype=np.float64)
    named = predicted.reshape(len(rows), -1)
    table = pd.DataFrame(named, columns=[str(number) for number in range(named.shape[1])])
    table.to_parquet(answer / "predictions.parquet")
    batch = min(_time_calls(predict, [rows] * REPEATS))
    single = _time_calls(predict, [rows.iloc[i : i + 1] for i in range(min(100 * REPEATS, len(rows)))])
    speeds = {"rows a second": len(rows) / batch, "single rows a second": 1 / float(np.median(single))}
    (answer / "speeds.json").write_text(json.dumps(speeds), encoding="utf-8")


def _time_calls(predict: Predict, tables: list[pd.DataFrame]) -> list[float]:
    """Measure the seconds of each call by the clock, until the time for it is over."""
    seconds: list[float] = []
    for table in tables:
        began = time.perf_counter()
        predict(table)
        seconds.append(time.perf_counter() - began)
        if sum(seconds) > SECONDS:
            break
    return seconds
