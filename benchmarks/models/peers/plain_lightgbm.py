"""LightGBM with its defaults: texts are categories, times are numbers."""

from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from exchange import Predict, divide, take_part
from lightgbm import LGBMClassifier, LGBMRegressor


def fit(rows: pd.DataFrame, task: dict[str, Any], budget: float, folder: Path) -> None:
    features, target = divide(rows, task)
    categories = {
        name: pd.CategoricalDtype(sorted(column.dropna().unique()))
        for name, column in features.items()
        if not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_datetime64_dtype(column)
    }
    kind = LGBMRegressor if task["kind"] == "regression" else LGBMClassifier
    model = kind(random_state=task["seed"], verbose=-1).fit(encode(features, categories), target)
    joblib.dump((model, categories), folder / "model.joblib")


def load(folder: Path, task: dict[str, Any]) -> Predict:
    model, categories = joblib.load(folder / "model.joblib")
    predict = model.predict if task["kind"] == "regression" else model.predict_proba
    return lambda rows: predict(encode(rows, categories))


def encode(rows: pd.DataFrame, categories: dict[Any, Any]) -> pd.DataFrame:
    times = rows.select_dtypes("datetime").columns
    return rows.astype({**categories, **dict.fromkeys(times, "int64")})


if __name__ == "__main__":
    take_part(fit, load)
