"""The tables of the comparison: contracts and parts as `magical fit` makes them, and files for the peers."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from magical.contracts.promises import contract_of
from magical.features import DateParts, Feature
from magical.library import SplitSettings, featurize, ingest, model_data, split
from magical.project.scaffold.infer_project import infer_from_files
from magical.project.scaffold.project_options import NO_OPTIONS

VALIDATION, TEST = 0.15, 0.15


@dataclass(frozen=True)
class Table:
    """A file, what is to be predicted in it, and the features that are computed from its times."""

    file: str
    target: str
    features: tuple[Feature, ...] = ()
    by_time: bool = False


TABLES = {
    "marketing_campaign": Table(
        "marketing_campaign.csv", "Response", (DateParts("dt_customer", ("year", "month", "weekday")),)
    ),
    "telco_churn": Table("telco_churn.parquet", "Churn"),
    "adult": Table("adult.parquet", "income"),
    "california": Table("california.parquet", "median_house_value"),
    "kc_house": Table("kc_house.parquet", "price"),
    "metro_traffic": Table(
        "metro_traffic.parquet",
        "traffic_volume",
        (DateParts("date_time", ("month", "weekday", "hour")),),
        by_time=True,  # the seed changes no row then, only the draws of the tools
    ),
}


def make_parts(name: str, seed: int, data: Path) -> Sequence[pl.DataFrame]:
    """Read a table by its inferred contract, and cut it into train, validation and test."""
    table = TABLES[name]
    inferred = infer_from_files([data / table.file], table.target, None, NO_OPTIONS)
    names: dict[str, Any] = {"__name__": "contracts"}
    exec(inferred.contracts, names)
    rows = model_data(ingest(data / table.file), names[inferred.schema.name])
    how = SplitSettings(
        kind="time" if table.by_time else None, validation=VALIDATION, test=TEST, seed=seed, test_seed=seed
    )
    return list(split(featurize(rows, table.features), how))


def write_files(name: str, seed: int, data: Path, folder: Path) -> dict[str, Any]:
    """Write what the peers are given into a folder, and the truth that only the judge reads.

    All get the same columns: what the contract calls an id is left out, features from times are there, and
    classes are numbers from 0.

    Returns:
        The task: table, seed, target, kind, number of classes, and a digest of all files.
    """
    train, validation, test = make_parts(name, seed, data)
    schema = contract_of(train)
    target = str(schema.target)
    is_class = schema.by_name[target].is_class
    columns = [c.name for c in schema.columns if c.role != "id"]
    classes = sorted(train[target].unique().to_list()) if is_class else []
    written = {
        part: _make_plain(rows.select(columns), target, classes)
        for part, rows in (
            ("train", pl.concat([train.select(columns), validation.select(columns)])),
            ("test", test),
        )
    }
    folder.mkdir(parents=True, exist_ok=True)
    written["train"].write_parquet(folder / "train.parquet")
    written["test"].drop(target).write_parquet(folder / "test.parquet")
    written["test"].select(target).write_parquet(folder / "truth.parquet")
    digest = hashlib.sha256(b"".join(_digest(rows) for rows in written.values())).hexdigest()[:16]
    kind = ("binary" if len(classes) == 2 else "multiclass") if is_class else "regression"
    task = {"table": name, "seed": seed, "target": target, "kind": kind, "classes": len(classes)}
    task |= {
        "dates": [c.name for c in schema.columns if c.type == "date"],
        "data": str(data),
        "digest": digest,
    }
    (folder / "task.json").write_text(json.dumps(task, indent=2) + "\n", encoding="utf-8")
    return task


def _make_plain(rows: pl.DataFrame, target: str, classes: list[Any]) -> pl.DataFrame:
    """Return rows in types that every reader of parquet has; classes as their places in the list."""
    plain = rows.with_columns(pl.selectors.by_dtype(pl.Enum, pl.Categorical).cast(pl.String))
    if not classes:
        return plain
    return plain.with_columns(
        rows[target].replace_strict(classes, range(len(classes)), return_dtype=pl.Int64)
    )


def _digest(rows: pl.DataFrame) -> bytes:
    return rows.write_csv().encode()
