"""FLAML's `AutoML` with its default estimators, by log loss or root mean squared error."""

import pickle
from pathlib import Path
from typing import Any

import pandas as pd
from exchange import Predict, divide, take_part
from flaml import AutoML


def fit(rows: pd.DataFrame, task: dict[str, Any], budget: float, folder: Path) -> None:
    features, target = divide(rows, task)
    is_number = task["kind"] == "regression"
    model = AutoML()
    model.fit(
        features,
        target,
        task="regression" if is_number else "classification",
        metric="rmse" if is_number else "log_loss",
        time_budget=budget,
        seed=task["seed"],
        verbose=0,
    )
    (folder / "model.pickle").write_bytes(pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL))


def load(folder: Path, task: dict[str, Any]) -> Predict:
    model = pickle.loads((folder / "model.pickle").read_bytes())
    return model.predict if task["kind"] == "regression" else model.predict_proba


if __name__ == "__main__":
    take_part(fit, load)
