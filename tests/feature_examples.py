"""Every kind of feature as lines of settings, for one contract; and the features that they give."""

import json
from datetime import date, datetime
from typing import Any, Literal

from magical import Contract, Feature, Field, Id, Target

CONTRACT_IMPORTS = """\
from datetime import date, datetime
from typing import Literal

from magical import Contract, Field, Id, Target
"""


class Shopper(Contract):
    """One shopper, with a column of each type."""

    id: Id[int]
    age: int
    income: float | None
    wines: float
    visits: int | None
    education: Literal["Basic", "Master", "PhD"]
    city: str = Field(examples=["Bonn", "Bremen", "Kiel", "Köln", "Ulm"])
    region: str | None = Field(examples=["north", "south"])
    grade: Literal[1, 2, 3] | None
    member: bool
    newsletter: bool | None
    enrolled: date
    last_seen: datetime | None
    comment: str | None = Field(examples=["Great shop!", "no, THANKS", "ok", "2 late 3 times"])
    answers: Target[bool]


EXAMPLES: tuple[dict[str, Any], ...] = (
    {"kind": "Log", "columns": ["income", "age"]},
    {"kind": "Arithmetic", "name": "per_head", "expression": "(income + wines) / visits - age"},
    {"kind": "DateParts", "columns": ["enrolled", "last_seen"], "parts": ["year", "month", "week"]},
    {"kind": "DateParts", "columns": "last_seen", "parts": ["month", "hour"], "cyclic": True},
    {"kind": "Cross", "columns": ["education", "city"]},
    {"kind": "Cross", "columns": ["region", "age", "grade"], "edges": {"age": [30, 60]}},
    {"kind": "Polynomial", "columns": ["income", "age"], "degree": 3},
    {"kind": "Polynomial", "columns": ["income", "age", "wines"], "interactions_only": True},
    {"kind": "Polynomial", "columns": ["income", "age"], "after_scaling": True},
    {"kind": "Bin", "columns": ["income", "age"], "edges": [20_000, 50_000]},
    {"kind": "Bin", "columns": "income", "quantiles": 4},
    {"kind": "Text", "columns": "comment", "parts": ["length", "words", "digits", "capitals"]},
    {"kind": "Text", "columns": ["comment", "city"], "parts": ["length"], "buckets": 4},
    {"kind": "Indicator", "columns": ["income", "comment"]},
    {"kind": "Impute", "columns": "type:number", "how": "median", "indicator": False},
    {"kind": "Impute", "columns": "income", "how": "mean"},
    {"kind": "Impute", "columns": ["region", "income"], "how": "most_frequent"},
    {"kind": "Impute", "columns": "income", "how": "constant", "value": -1.0},
    {"kind": "Impute", "columns": ["income", "visits"], "how": "nearest"},
    {"kind": "Impute", "columns": ["income", "visits"], "how": "iterative"},
    *({"kind": "Scale", "columns": ["income", "age"], "how": how}
      for how in ("standard", "robust", "quantile", "power", "minmax", "none")),
    *({"kind": "Encode", "columns": ["city", "region"], "how": how}
      for how in ("one_hot", "ordinal", "target", "count")),
    {"kind": "Encode", "columns": ["city", "region"], "how": "hash", "width": 4},
    {"kind": "Encode", "columns": "comment", "how": "string", "width": 3},
    {"kind": "Encode", "columns": "comment", "how": "minhash", "width": 3},
    {"kind": "Encode", "columns": "comment", "how": "gap", "width": 2},
    {"kind": "Encode", "columns": ["enrolled", "last_seen"], "how": "datetime"},
    *({"kind": "Select", "k": 4, "by": by} for by in ("f", "mutual_info", "variance", "model")),
    {"kind": "Select", "by": "similar", "threshold": 0.9},
    {"kind": "Select", "share": 0.5},
    {"kind": "Transformer", "uses": "sklearn.decomposition:PCA", "columns": ["income", "age"],
     "params": {"n_components": 1}},
    {"kind": "Transformer", "uses": "sklearn.preprocessing:KBinsDiscretizer", "columns": "income",
     "params": {"n_bins": 3, "encode": "ordinal"}, "keep": True},
)  # fmt: skip
"""Settings as a user writes them, at least one for each kind and for each way of its parameters."""


ONE_OF_EACH: tuple[dict[str, Any], ...] = (
    {"kind": "Log", "columns": ["income", "wines"]},
    {"kind": "Arithmetic", "name": "per_head", "expression": "(income + wines) / visits - age"},
    {"kind": "DateParts", "columns": ["enrolled", "last_seen"]},
    {"kind": "DateParts", "columns": "last_seen", "parts": ["month", "hour"], "cyclic": True},
    {"kind": "Cross", "columns": ["education", "city"]},
    {"kind": "Cross", "columns": ["region", "age"], "edges": {"age": [1000, 5000]}},
    {"kind": "Polynomial", "columns": ["income", "age"]},
    {"kind": "Bin", "columns": "age", "edges": [1000, 5000]},
    {"kind": "Text", "columns": "comment", "buckets": 4},
    {"kind": "Indicator", "columns": ["income", "comment"]},
    {"kind": "Impute", "columns": ["income", "visits"], "how": "iterative"},
    {"kind": "Impute", "columns": ["per_head", "log_income"], "how": "nearest"},
    {"kind": "Encode", "columns": "city", "how": "target"},
    {"kind": "Encode", "columns": "region", "how": "hash", "width": 4},
    {"kind": "Encode", "columns": "education", "how": "ordinal"},
    {"kind": "Encode", "columns": "grade", "how": "count"},
    {"kind": "Encode", "columns": "comment", "how": "string", "width": 3},
    {"kind": "Encode", "columns": "last_seen", "how": "datetime"},
    {"kind": "Scale", "columns": "income", "how": "power"},
    {"kind": "Scale", "columns": "age", "how": "quantile"},
    {"kind": "Scale", "columns": "wines", "how": "robust"},
    {"kind": "Bin", "columns": "visits", "quantiles": 4},
    {"kind": "Polynomial", "columns": ["income", "wines"], "after_scaling": True},
    {"kind": "Transformer", "uses": "sklearn.decomposition:PCA", "columns": ["income", "age"],
     "params": {"n_components": 1}, "keep": True},
    {"kind": "Select", "share": 0.9},
)  # fmt: skip
"""Features of every kind that stand together in one list."""


def to_toml(value: Any) -> str:
    """Write a value as TOML on one line; a list on several."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {to_toml(v)}" for name, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[\n" + "".join(f"    {to_toml(v)},\n" for v in value) + "]"
    return json.dumps(value)


def read_examples() -> list[Feature]:
    """Read the examples as settings are read."""
    return [Feature.model_validate(example) for example in EXAMPLES]
