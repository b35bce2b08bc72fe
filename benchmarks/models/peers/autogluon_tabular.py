"""AutoGluon's `TabularPredictor` of medium quality, by log loss or root mean squared error."""

from pathlib import Path
from typing import Any

import pandas as pd
from autogluon.tabular import TabularPredictor
from exchange import Predict, take_part


def fit(rows: pd.DataFrame, task: dict[str, Any], budget: float, folder: Path) -> None:
    is_number = task["kind"] == "regression"
    predictor = TabularPredictor(
        task["target"],
        problem_type=task["kind"],
        eval_metric="root_mean_squared_error" if is_number else "log_loss",
        path=str(folder / "predictor"),
        verbosity=0,
        learner_kwargs={"random_state": task["seed"]},
    )
    predictor.fit(rows, presets="medium_quality", time_limit=budget)


def load(folder: Path, task: dict[str, Any]) -> Predict:
    predictor = TabularPredictor.load(str(folder / "predictor"), verbosity=0)
    predictor.persist()
    return predictor.predict if task["kind"] == "regression" else predictor.predict_proba


def deploy(folder: Path, target: Path) -> None:
    TabularPredictor.load(str(folder / "predictor"), verbosity=0).clone_for_deployment(str(target))


if __name__ == "__main__":
    take_part(fit, load, deploy)
