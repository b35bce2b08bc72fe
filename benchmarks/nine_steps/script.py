"""Is a tumour benign? Nine steps as a plain script: pandas, with the first eight cached by joblib.

Run it as `python script.py FOLDER`: the cache and what is written go into that folder.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

folder = Path(sys.argv[1])
memory = joblib.Memory(folder / "cache", verbose=0)


@memory.cache
def load():
    source = load_breast_cancer(as_frame=True)
    table = source.frame.rename(columns=lambda name: name.replace(" ", "_"))
    return table.rename(columns={"target": "benign"})


@memory.cache
def clean(table):
    return table.drop_duplicates().dropna().reset_index(drop=True)


@memory.cache
def derive(table):
    table = table.copy()
    table["size"] = np.log(table["mean_area"])
    table["shape"] = table["mean_perimeter"] / table["mean_radius"]
    return table


@memory.cache
def split(table, seed):
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    (_, test), (_, validation), *_ = folds.split(table, table["benign"])
    train = np.setdiff1d(np.arange(len(table)), np.concatenate([test, validation]))
    return table.iloc[train], table.iloc[validation], table.iloc[test]


@memory.cache
def scale(rows):
    return StandardScaler().fit(rows.drop(columns="benign"))


@memory.cache
def train(scaler, rows):
    model = LogisticRegression(C=1.0, max_iter=1000)
    return model.fit(scaler.transform(rows.drop(columns="benign")), rows["benign"])


@memory.cache
def predict(scaler, model, rows):
    probability = model.predict_proba(scaler.transform(rows.drop(columns="benign")))[:, 1]
    return pd.DataFrame({"benign": rows["benign"], "probability": probability})


@memory.cache
def score(predictions):
    return roc_auc_score(predictions["benign"], predictions["probability"])


def write(scaler, model, roc_auc):
    joblib.dump({"scaler": scaler, "model": model, "roc_auc": roc_auc}, folder / "model.joblib")


if __name__ == "__main__":
    training, _, test = split(derive(clean(load())), seed=7)
    scaler = scale(training)
    model = train(scaler, training)
    roc_auc = score(predict(scaler, model, test))
    write(scaler, model, roc_auc)
    print(f"ROC AUC {roc_auc:.4f}, in {folder / 'model.joblib'}")
