"""From a parquet file to a fitted Pipeline, by a plain script, and by the project beside it.

`python script.py rows N FILE` makes N rows; `plain FILE` fits by polars and scikit-learn alone;
`magical PROJECT` runs the project. Both print as JSON the CPU seconds of each step, and the ROC AUC.
"""

import itertools
import json
import sys
import time
from typing import Any, ClassVar

import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

CITIES, PRODUCTS = 2000, 500
NULLABLE = (
    *(
        "income",
        "spent",
        "basket",
        "discount",
        "distance",
        "rating",
        "weight",
        "price",
        "cost",
        "score",
        "heat",
    ),
    *("wind", "light", "height", "length", "share", "rooms", "clicks", "express", "education", "device"),
    *("product", "joined", "seen", "comment"),
)
SKEWED = ("income", "spent", "basket", "distance", "price", "cost")
PLAIN = (
    *(
        "rating",
        "delay",
        "weight",
        "volume",
        "margin",
        "tax",
        "score",
        "speed",
        "heat",
        "rain",
        "wind",
        "noise",
    ),
    *("light", "depth", "height", "width", "length", "slope", "share"),
)
WORDS = ("good", "bad", "slow", "fast", "Never", "again", "Best", "shop", "order", "2", "10", "late")
ONE_HOT = ("channel", "education", "status", "weekday", "device", "note", "channel_x_status", "age_bin")


def write_rows(count: int, path: str) -> None:
    """Write visits, the same in each round; one of a hundred is there twice."""
    draw = np.random.default_rng(0)

    def choose(*values: str) -> Any:
        return np.array(values)[draw.integers(0, len(values), count)]

    def name(prefix: str, number: int) -> Any:
        return np.array([f"{prefix} {i}" for i in range(number)])[draw.zipf(1.5, count) % number]

    def days(first: int, last: int) -> Any:
        return np.datetime64("2000-01-01") + draw.integers(first, last, count)

    columns: dict[str, Any] = {"id": np.arange(count)}
    columns |= {n: draw.gamma(2, 40, count).round(2) for n in SKEWED}
    columns |= {n: draw.normal(0, 3, count) for n in PLAIN} | {"discount": draw.random(count).round(2)}
    columns |= {
        n: draw.integers(low, high, count)
        for n, low, high in (
            ("age", 0, 115),
            ("visits", 0, 60),
            ("items", 1, 20),
            ("children", 0, 5),
            ("rooms", 1, 9),
            ("clicks", 0, 300),
        )
    }
    columns |= {n: draw.random(count) < 0.3 for n in ("member", "express", "gift")}
    columns |= {
        "channel": choose("web", "shop", "phone"),
        "country": choose(*(f"country {i}" for i in range(25))),
        "education": choose("Basic", "Bachelor", "Master", "PhD"),
        "status": choose("single", " Single", "married", "alone", "divorced"),
        "weekday": choose("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        "device": choose("phone", "tablet", "desk"),
        "city": name("city", CITIES),
        "product": name("product", PRODUCTS),
        "day": days(8000, 9000),
        "joined": days(5000, 8000),
        "seen": days(5000, 9000).astype("datetime64[us]"),
        "comment": [" ".join(words) for words in np.array(WORDS)[draw.integers(0, len(WORDS), (count, 8))]],
        "note": choose(*(f"note {i}" for i in range(12))),
    }
    chance = 1 / (1 + np.exp(1 - columns["income"] / 80 - columns["member"] + columns["delay"] / 3))
    table = pl.DataFrame(columns | {"bought": draw.random(count) < chance})
    gaps = [pl.when(pl.Series(draw.random(count) < 0.9)).then(pl.col(n)).alias(n) for n in NULLABLE]
    table = table.with_columns(gaps)
    twice = table.head(count // 100).with_columns(pl.col("id") + count)
    pl.concat([table.head(count - twice.height), twice]).write_parquet(path)


def clean(visits: pl.DataFrame) -> pl.DataFrame:
    """Leave out impossible ages and duplicates, and write statuses alike."""
    status = pl.col("status").str.strip_chars().str.to_lowercase()
    visits = visits.filter(pl.col("age") <= 110).with_columns(status=status.replace({"alone": "single"}))
    return visits.unique([n for n in visits.columns if n != "id"], keep="first", maintain_order=True)


def featurize(visits: pl.DataFrame) -> pl.DataFrame:
    """Add the columns that the project's features add."""

    comment, factors = pl.col("comment"), ("price", "margin", "cost")
    buckets = HashingVectorizer(n_features=8, norm=None, alternate_sign=False)
    hashed = buckets.transform(visits["comment"].fill_null("")).toarray()
    circles = (("month", 12, pl.col("day").dt.month()), ("weekday", 7, pl.col("day").dt.weekday()))
    angles = [(name, (place - 1) * (2 * np.pi / length)) for name, length, place in circles]
    return visits.with_columns(
        *(pl.col(n).log1p().alias(f"log_{n}") for n in ("income", "spent")),
        *(
            (pl.col(a) * pl.col(b)).alias(f"{a}_x_{b}")
            for a, b in itertools.combinations_with_replacement(factors, 2)
        ),
        *(angle.sin().alias(f"day_{name}_sin") for name, angle in angles),
        *(angle.cos().alias(f"day_{name}_cos") for name, angle in angles),
        *(pl.Series(f"comment_hash_{i}", hashed[:, i]) for i in range(8)),
        each=pl.col("spent") / pl.col("items"),
        joined_year=pl.col("joined").dt.year(),
        joined_month=pl.col("joined").dt.month(),
        channel_x_status=pl.concat_str("channel", pl.lit(" x "), "status"),
        age_bin=pl.Series(np.digitize(visits["age"], [20, 40, 60])).cast(pl.String),
        comment_length=comment.str.len_chars(),
        comment_words=comment.str.count_matches(r"\w+"),
        comment_digits=comment.str.count_matches(r"\d"),
        education_is_missing=pl.col("education").is_null(),
    )


def plan(columns: list[str]) -> Pipeline:
    """Plan the Pipeline that the project's features plan."""

    median = SimpleImputer(strategy="median", add_indicator=True)
    zero = SimpleImputer(strategy="constant", fill_value=0, add_indicator=True)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    robust, zeros, open_texts = ["income", "spent", "basket"], ["rating", "heat"], ["city"]
    rest = set(columns) - {*ONE_HOT, *robust, *zeros, *open_texts, "country", "comment", "id", "bought"}
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False)
    blocks = [
        ("numbers", make_pipeline(median, StandardScaler()), sorted(rest)),
        ("robust", make_pipeline(median, RobustScaler()), robust),
        ("zeros", make_pipeline(zero, StandardScaler()), zeros),
        ("few", one_hot, list(ONE_HOT)),
        (
            "many",
            make_pipeline(TargetEncoder(cv=KFold(5, shuffle=True, random_state=0)), StandardScaler()),
            open_texts,
        ),
        ("country", make_pipeline(ordinal, StandardScaler()), ["country"]),
        (
            "bins",
            make_pipeline(SimpleImputer(strategy="median"), KBinsDiscretizer(5, encode="onehot-dense")),
            ["distance"],
        ),
    ]
    selecting = SelectKBest(f_classif, k=60)
    linear = LogisticRegression(solver="newton-cholesky", max_iter=200)
    return make_pipeline(ColumnTransformer(blocks, sparse_threshold=0.0), selecting, linear)


def to_frame(visits: pl.DataFrame) -> Any:
    """Convert to pandas, with dates as days and everything but texts as floats."""
    counts = visits["product"].value_counts()
    days = visits.with_columns(
        pl.col(pl.Date).cast(pl.Int32),
        pl.col(pl.Datetime).dt.epoch("s"),
        pl.col("product").replace_strict(counts["product"], counts["count"], default=0),
    )
    return days.with_columns(pl.exclude(pl.String).cast(pl.Float64)).to_pandas()


def fit_plain(path: str) -> dict[str, Any]:
    """Do by hand what the project does."""
    clock = Clock()
    visits = clock.lap("ingest", pl.read_parquet(path))
    visits = clock.lap("clean", clean(visits))
    visits = clock.lap("featurize", featurize(visits))

    train, rest = train_test_split(visits, test_size=0.4, random_state=1)
    validation, _ = clock.lap("split", train_test_split(rest, test_size=0.5, random_state=1))
    fitted = plan(train.columns).fit(to_frame(train), train["bought"].to_numpy())
    guess = fitted.predict_proba(to_frame(validation))[:, 1]
    score = clock.lap("fit", float(roc_auc_score(validation["bought"].to_numpy(), guess)))
    return {"steps": clock.steps, "score": score}


class Clock:
    """The CPU seconds of this process, by step; a listener of a run of magical, too."""

    parts: ClassVar = {"model_data": "ingest", "drop_duplicates": "clean", "transform": "fit", "train": "fit"}
    """The plain script's step that does the work of a step of the project."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self.score, self._last = 0.0, time.process_time()

    def lap(self, step: str, value: Any) -> Any:
        """Add the seconds since the last call to a step, and return the value."""
        now = time.process_time()
        self.steps[step] = self.steps.get(step, 0.0) + now - self._last
        self._last = now
        return value

    def on(self, event: Any) -> None:
        """Add the seconds of a step when it ends; those between two steps belong to none."""
        kind = type(event).__name__
        if kind == "StepStarted":
            self._last = time.process_time()
        elif kind == "StepFinished":
            self.lap(self.parts.get(event.step, event.step), None)
            if event.step == "train":
                self.score = float(event.summary.split("roc_auc ")[1].split(" ")[0])


def run_magical(folder: str) -> dict[str, Any]:
    """Run the project, one step at a time."""
    import magical

    clock = Clock()
    result = magical.load(folder).execute(settings={"policy": {"workers": 1}}, listeners=(clock,))
    assert not result.errors, result.errors
    return {"steps": clock.steps, "score": clock.score}


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "rows":
        write_rows(int(words[0]), words[1])
    else:
        print(json.dumps({"plain": fit_plain, "magical": run_magical}[verb](words[0])))
