"""The steps of the standard workflow, from a raw file to a registered model.

Names are imported when first used, so a project pays only for the steps that it calls.
Door: this module, `judging`, `metrics`, `part_assignment`, `prediction_task`, `rare_classes`, `scorer`,
`scoring`, `sources`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from magical.library.automatic import Auto, auto
    from magical.library.cleaning import (
        Check,
        Cleaning,
        Compare,
        Convert,
        Harmonise,
        Limits,
        Require,
        clean,
        drop_duplicates,
        drop_outliers,
        leave_out,
    )
    from magical.library.decision import Decision
    from magical.library.evaluating import EvaluateSettings, evaluate
    from magical.library.experiments import (
        Boosting,
        CatBoost,
        Dummy,
        Estimator,
        Experiment,
        Forest,
        Histogram,
        Linear,
        XGBoost,
        boosting,
        catboost,
        dummy,
        estimator,
        forest,
        histogram,
        linear,
        xgboost,
    )
    from magical.library.explaining import ExplainSettings, Explanation, explain
    from magical.library.featurizing import featurize
    from magical.library.ingesting import ingest, ingest_sql
    from magical.library.metrics.metric_settings import Metric
    from magical.library.metrics.scores import Score, Scores
    from magical.library.modeling import model_data
    from magical.library.predicting import predict
    from magical.library.preprocessing import transform
    from magical.library.refitting import refit
    from magical.library.registering import RegisterSettings, register
    from magical.library.repeated_splits import evaluate_repeatedly
    from magical.library.search_space import Range
    from magical.library.selecting import select
    from magical.library.sources.database import Database
    from magical.library.sources.reading_settings import Reading
    from magical.library.splitting import SplitSettings, split
    from magical.library.training import train
    from magical.library.tuning import tune

_EXPORTS = {
    # With Experiment come all its kinds, so that settings may name them: `automatic` imports the others.
    "automatic": ("Auto", "Experiment", "auto"),
    "cleaning": (
        "Check",
        "Cleaning",
        "Compare",
        "Convert",
        "Harmonise",
        "Limits",
        "Require",
        "clean",
        "drop_duplicates",
        "drop_outliers",
        "leave_out",
    ),
    "decision": ("Decision",),
    "evaluating": ("EvaluateSettings", "evaluate"),
    "experiments": (
        "Boosting",
        "CatBoost",
        "Dummy",
        "Estimator",
        "Forest",
        "Histogram",
        "Linear",
        "XGBoost",
        "boosting",
        "catboost",
        "dummy",
        "estimator",
        "forest",
        "histogram",
        "linear",
        "xgboost",
    ),
    "explaining": ("ExplainSettings", "Explanation", "explain"),
    "featurizing": ("featurize",),
    "modeling": ("model_data",),
    "predicting": ("predict",),
    "preprocessing": ("transform",),
    "refitting": ("refit",),
    "repeated_splits": ("evaluate_repeatedly",),
    "registering": ("RegisterSettings", "register"),
    "metrics.metric_settings": ("Metric",),
    "metrics.scores": ("Score", "Scores"),
    "search_space": ("Range",),
    "selecting": ("select",),
    "ingesting": ("ingest", "ingest_sql"),
    "sources.database": ("Database",),
    "sources.reading_settings": ("Reading",),
    "splitting": ("SplitSettings", "split"),
    "training": ("train",),
    "tuning": ("tune",),
}
_EXPORT_MODULES = {name: f"magical.library.{module}" for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "Auto",
    "Boosting",
    "CatBoost",
    "Check",
    "Cleaning",
    "Compare",
    "Convert",
    "Database",
    "Decision",
    "Dummy",
    "Estimator",
    "EvaluateSettings",
    "Experiment",
    "ExplainSettings",
    "Explanation",
    "Forest",
    "Harmonise",
    "Histogram",
    "Limits",
    "Linear",
    "Metric",
    "Range",
    "Reading",
    "RegisterSettings",
    "Require",
    "Score",
    "Scores",
    "SplitSettings",
    "XGBoost",
    "auto",
    "boosting",
    "catboost",
    "clean",
    "drop_duplicates",
    "drop_outliers",
    "dummy",
    "estimator",
    "evaluate",
    "evaluate_repeatedly",
    "explain",
    "featurize",
    "forest",
    "histogram",
    "ingest",
    "ingest_sql",
    "leave_out",
    "linear",
    "model_data",
    "predict",
    "refit",
    "register",
    "select",
    "split",
    "train",
    "transform",
    "tune",
    "xgboost",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used."""
    if name not in _EXPORT_MODULES:
        raise AttributeError(f"module 'magical.library' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORT_MODULES[name]), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
