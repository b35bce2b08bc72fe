"""Scoring by a registered model: the model is found, its own code runs, and files come out whole."""

import polars as pl

from scored_shop import Shop


def test_a_raw_export_without_its_target_is_scored(shop: Shop) -> None:
    done = shop.score("new.csv", "out.parquet")
    assert done.code == 0, done.err
    table = pl.read_parquet(shop.folder / "out.parquet")
    print(table, done.out)
