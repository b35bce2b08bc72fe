"""Score a parquet file by a plain script: read, the same steps, the same Pipeline, write.

`python script.py rows N FOLDER` makes N rows; `dump MODEL FILE` takes the Pipeline out of a registered model;
`score PIPELINE INPUT OUTPUT` scores; `compare OUTPUT OTHER` compares two outputs.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl

FEATURES = [
    *("amount", "weight", "discount", "delay", "score", "items", "orders", "age", "channel", "country"),
    *("express", "price", "log_amount", "often"),
]


def write_rows(count: int, path: str) -> None:
    """Write orders, a million at a time, the same in each round."""
    folder = Path(path)
    folder.mkdir(parents=True)
    for part, first in enumerate(range(0, count, 1_000_000)):
        rows = min(1_000_000, count - first)
        draw = np.random.default_rng(part)
        amount, discount = draw.gamma(2, 40, rows).round(2), draw.random(rows).round(2) * 0.5
        items, orders = draw.integers(1, 100, rows), draw.integers(0, 50, rows)
        chance = 1 / (1 + np.exp(2 - amount / 80 - discount * 3 + orders / 25))
        table = pl.DataFrame(
            {
                "id": np.arange(rows) + first,
                "amount": amount,
                "weight": pl.Series(draw.gamma(1, 5, rows)).scatter(np.arange(0, rows, 13), None),
                "discount": discount,
                "delay": draw.normal(0, 3, rows),
                "score": draw.random(rows),
                "items": items,
                "orders": orders,
                "age": pl.Series(draw.integers(18, 90, rows)).scatter(np.arange(0, rows, 11), None),
                "channel": np.array(["web", "shop", "phone"])[draw.integers(0, 3, rows)],
                "country": np.array(["de", "fr", "it", "es", "nl"])[draw.integers(0, 5, rows)],
                "express": draw.random(rows) < 0.2,
                "returned": draw.random(rows) < chance,
            }
        )
        table.write_parquet(folder / f"{part:03}.parquet")


def dump_pipeline(model: str, path: str) -> None:
    """Take the fitted Pipeline out of the folder of a registered model."""
    from magical.library.scorer.scorer import Scorer

    (folder,) = {file.parent for file in Path(model).rglob("scorer.json")}
    scorer = Scorer.load(folder)
    assert list(scorer.model.features) == FEATURES, scorer.model.features
    joblib.dump(scorer.model.pipeline, path)


def score(pipeline: str, source: str, output: str) -> None:
    """Score as one would write it by hand: the whole table at once."""
    orders = pl.read_parquet(source).filter(pl.col("items") < 90)
    orders = orders.with_columns(price=pl.col("amount") * (1 - pl.col("discount")) / pl.col("items"))
    orders = orders.with_columns(
        log_amount=pl.col("amount").log1p(),
        often=pl.when(pl.col("items") != 0).then(pl.col("orders") / pl.col("items")),
    )
    texts = orders.select("channel", "country").to_pandas().astype(object)
    numbers = orders.select(pl.col([n for n in FEATURES if n not in texts]).cast(pl.Float64)).to_pandas()
    features = pd.concat([numbers, texts], axis=1)[FEATURES]
    probabilities = joblib.load(pipeline).predict_proba(features)
    orders.select("id").with_columns(
        prediction=pl.Series(probabilities[:, 1] >= 0.5),
        probability_False=pl.Series(probabilities[:, 0]),
        probability_True=pl.Series(probabilities[:, 1]),
    ).write_parquet(output)


def compare(plain: str, other: str) -> None:
    """Print the largest difference of the probabilities that two files give the same rows."""
    both = pl.read_parquet(plain).join(pl.read_parquet(other), on="id", how="left", validate="1:1")
    far = (pl.col("probability_True") - pl.col("probability_True_right")).abs()
    print(both.select(far.fill_null(1.0).max()).item())


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "rows":
        write_rows(int(words[0]), words[1])
    else:
        {"compare": compare, "dump": dump_pipeline, "score": score}[verb](*words)
