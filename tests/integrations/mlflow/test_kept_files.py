"""The values that steps keep, as files for MLflow: tables that its page shows, JSON, figures."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from magical.contracts.promises import Promise
from magical.engine.artifacts import Record
from magical.figure_files import FigureFile
from magical.integrations.mlflow.kept_files import KeptFiles, make_table_tag
from magical.masking import register_secret
from magical.stores.local.store import LocalStore

ANY = Promise("any")
KEY = "ab" * 20

Keep = Callable[..., KeptFiles]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Store a record with kept values, and give their reader."""
    store = LocalStore(tmp_path / "store")

    def keep(origin: tuple[str, ...] = (), **values: Any) -> KeptFiles:
        kept = {name: store.save(value, ANY, f"{KEY}-{name}") for name, value in values.items()}
        store.put_record(Record(KEY, "tune", "m:tune", {}, store.save(1, ANY, KEY), kept, origin=origin))
        return KeptFiles(store)

    return keep


def written(kept: KeptFiles, folder: Path, step: str = "tune") -> tuple[list[str], dict[str, bytes]]:
    tables = list(kept.write(step, KEY, folder))
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return tables, files


def test_a_table_has_the_form_that_mlflow_shows(keep: Keep, tmp_path: Path) -> None:
    day = dt.date(2024, 5, 1)
    table = pl.DataFrame({"trial": [0, 1], "loss": [0.5, float("nan")], "day": [day, None], "l": [[1], [2]]})
    tables, files = written(keep(trials=table), tmp_path / "out", "tune[linear]")
    assert tables == ["kept/tune.linear/trials.json"]
    assert json.loads(files[tables[0]]) == {
        "columns": ["trial", "loss", "day", "l"],
        "data": [[0, 0.5, "2024-05-01", [1]], [1, None, None, [2]]],
    }


def test_of_a_large_table_the_first_rows_are_written_and_the_name_says_so(keep: Keep, tmp_path: Path) -> None:
    long = pl.DataFrame({"x": range(2500)})
    wide = pl.DataFrame({f"c{i}": [0] * 300 for i in range(1000)})
    tables, files = written(keep(long=long, wide=wide), tmp_path / "out")
    assert tables == ["kept/tune/long.first-1000-of-2500.json", "kept/tune/wide.first-100-of-300.json"]
    assert [row[0] for row in json.loads(files[tables[0]])["data"]] == list(range(1000))


def test_values_and_figures_are_files_beside_the_tables(keep: Keep, tmp_path: Path) -> None:
    kept = keep(source={"rows": 3}, **{"my plot": FigureFile(b"\x89PNG", ".png")})
    tables, files = written(kept, tmp_path / "out", "ingest")
    assert tables == []
    assert files == {"kept/ingest/source.json": b'{"rows":3}', "kept/ingest/my plot.png": b"\x89PNG"}


def test_what_is_for_programs_stays_in_the_store(keep: Keep, tmp_path: Path) -> None:
    table = pl.DataFrame({"x": [1]})
    assert written(keep(_judged=table, seen=table), tmp_path / "out")[0] == ["kept/tune/seen.json"]


def test_secrets_are_masked(keep: Keep, tmp_path: Path) -> None:
    register_secret("tiger-in-table")
    kept = keep(t=pl.DataFrame({"tiger-in-table": ["x tiger-in-table"]}), v={"uri": "s3://me:tiger@store"})
    assert b"tiger" not in b"".join(written(kept, tmp_path / "out")[1].values())


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", "..", "", "ü\n*"])
def test_a_name_never_leads_out_of_the_folder(name: str, keep: Keep, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    tables, files = written(keep(**{name: pl.DataFrame({"a": [1]})}), out, name)
    assert len(tables) == len(files) == 1
    assert tables[0].startswith("kept/")
    assert tables[0].count("/") == 2
    assert sorted(tmp_path.iterdir()) == [tmp_path / "deep", tmp_path / "store"]


def test_what_is_not_real_is_not_written(keep: Keep, tmp_path: Path) -> None:
    kept = keep(("clean",), candidates=pl.DataFrame({"candidate": ["a"], "metric": ["m"], "score": [1.0]}))
    assert written(kept, tmp_path / "out") == ([], {})
    assert kept.read_candidates(KEY) == []


def test_a_value_that_is_lost_is_passed_over(keep: Keep, tmp_path: Path) -> None:
    kept = keep(lost=pl.DataFrame({"a": [1]}), there=[1, 2])
    for blob in (tmp_path / "store").rglob("*.parquet"):
        blob.write_bytes(b"damaged")
    tables, files = written(kept, tmp_path / "out")
    assert tables == []
    assert "kept/tune/lost.json" not in files


def test_the_tag_fits_into_any_server() -> None:
    paths = [f"kept/step {i}/table of some length.json" for i in range(400)]
    (text,) = make_table_tag(paths).values()
    assert len(text) <= 5000
    assert [entry["path"] for entry in json.loads(text)] == paths[: len(json.loads(text))]
    assert make_table_tag([]) == {}
