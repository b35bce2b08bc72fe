"""The `tabular_pipeline` of skrub: its vectorizer, and scikit-learn's histogram boosting."""

from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from exchange import Predict, divide, take_part
from skrub import tabular_pipeline


def fit(rows: pd.DataFrame, task: dict[str, Any], budget: float, folder: Path) -> None:
    model = tabular_pipeline("regressor" if task["kind"] == "regression" else "classifier")
    model[-1].set_params(random_state=task["seed"])
    joblib.dump(model.fit(*divide(rows, task)), folder / "model.joblib")


def load(folder: Path, task: dict[str, Any]) -> Predict:
    model = joblib.load(folder / "model.joblib")
    return model.predict if task["kind"] == "regression" else model.predict_proba


if __name__ == "__main__":
    take_part(fit, load)
