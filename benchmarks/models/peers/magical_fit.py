"""What `magical fit` does between reading a file and registering a model, by the library's steps.

The folder of the model holds what is registered. ``--without PACKAGE`` hides an extra.
"""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from exchange import Predict, take_part

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from magical.library.scorer.model_files import load_model, save_model


def fit(rows: pd.DataFrame, task: dict[str, Any], budget: float, folder: Path) -> None:
    from tables import TABLES, make_parts

    from magical.library import auto, refit, select, transform, tune

    # Test is cut by the same call, and let go: contract and folds come with the other two parts.
    train, validation, _ = make_parts(task["table"], task["seed"], Path(task["data"]))
    preprocessing = transform(train, TABLES[task["table"]].features)
    experiment = auto(budget=f"{budget:g}s", seed=task["seed"])
    model = refit(select([tune(train, validation, preprocessing, experiment)]), train, validation)
    (folder / "model.json").write_text(json.dumps(save_model(model, folder)), encoding="utf-8")


def load(folder: Path, task: dict[str, Any]) -> Predict:
    data = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    model = load_model(data, folder, pickle.loads)
    if task["kind"] == "regression":
        return lambda rows: model.predict(rows)["prediction"].to_numpy()
    return model.probabilities


if __name__ == "__main__":
    for number, word in enumerate(sys.argv):
        if word == "--without":
            sys.modules[sys.argv[number + 1]] = None  # type: ignore[assignment]
    take_part(fit, load)
