"""Is a tumour benign? The same nine steps as ../script.py, as a magical project: `magical run`."""

import joblib
import polars as pl
from sklearn import datasets, linear_model, metrics, model_selection, pipeline, preprocessing

from magical import Contract, Frame, OutputPath, Parts, Receipt, Settings, Target, partition, step, workflow


class Tumour(Contract):
    """One tumour; the other measurements pass through, and the model learns from them too."""

    mean_area: float
    mean_perimeter: float
    mean_radius: float
    benign: Target[bool]


class TumourSettings(Settings):
    """The settings of the workflow."""

    seed: int = 7
    output: OutputPath = OutputPath("model.joblib")


@step
def load() -> Frame[Tumour]:
    """The table that comes with scikit-learn."""
    source = datasets.load_breast_cancer()
    names = [name.replace(" ", "_") for name in source.feature_names]
    return pl.DataFrame(source.data, names).with_columns(benign=source.target == 1)


@step(training_only=True)
def clean(rows: Frame[Tumour]) -> Frame[Tumour]:
    """Drop duplicates and incomplete rows."""
    return rows.unique(maintain_order=True).drop_nulls()


@step
def derive(rows: Frame[Tumour]) -> Frame[Tumour]:
    """Two more columns: how large, and how round."""
    return rows.with_columns(size=pl.col.mean_area.log(), shape=pl.col.mean_perimeter / pl.col.mean_radius)


@step
def split(rows: Frame[Tumour], seed: int) -> Parts[Tumour]:
    """Of five stratified folds, the first is test, the second validation, and the others are train."""
    folds = model_selection.StratifiedKFold(5, shuffle=True, random_state=seed).split(rows, rows["benign"])
    fold = {row: number for number, (_, held) in enumerate(folds) for row in held}
    return partition(rows, [{0: "test", 1: "validation"}.get(fold[row], "train") for row in sorted(fold)])


@step
def scale(rows: Frame[Tumour]) -> pipeline.Pipeline:
    """Learn the means and deviations of the training rows."""
    return pipeline.make_pipeline(preprocessing.StandardScaler()).fit(rows.drop("benign"))


@step
def train(scaler: pipeline.Pipeline, rows: Frame[Tumour]) -> pipeline.Pipeline:
    """Fit the model, and put it behind its scaler."""
    model = linear_model.LogisticRegression(C=1.0, max_iter=1000)
    return pipeline.make_pipeline(scaler, model.fit(scaler.transform(rows.drop("benign")), rows["benign"]))


@step
def predict(model: pipeline.Pipeline, rows: Frame[Tumour]) -> Frame:
    """The probability of each row."""
    return rows.select("benign", probability=model.predict_proba(rows.drop("benign"))[:, 1])


@step
def score(predictions: Frame) -> float:
    """The area under the ROC curve."""
    return float(metrics.roc_auc_score(predictions["benign"], predictions["probability"]))


@step(writes="world")
def write(model: pipeline.Pipeline, roc_auc: float, path: OutputPath) -> Receipt:
    """Put the model and its score into a file."""
    joblib.dump({"model": model, "roc_auc": roc_auc}, path)
    return Receipt(True, f"ROC AUC {roc_auc:.4f}, in {path}")


@workflow
def tumours(s: TumourSettings) -> Receipt:
    """From the table to the model."""
    training, _, test = split(derive(clean(load())), s.seed)
    model = train(scale(training), training)
    return write(model, score(predict(model, test)), s.output)
