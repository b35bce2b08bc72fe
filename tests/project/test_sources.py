"""Sources in projects: what runs again when a source changes, and what is said before any work."""

import datetime as dt
import gzip
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pytest

import remote_stores
from magical.project.replay import replay_step
from projects import Small, one

FLOW = '''
from magical.library import Reading, ingest


class S(Settings):
    source: InputPath = InputPath("SOURCE")
    reading: Reading = Reading()


@step
def height(table: Frame) -> int:
    """Count."""
    return table.height


@workflow
def flow(s: S) -> int:
    return height(ingest(s.source, s.reading))
'''

BOTH = ["ingest", "height"]


def small(root: Path, source: str) -> Small:
    return one(root, FLOW.replace("SOURCE", source))


def touch(path: Path) -> None:
    os.utime(path, (1e9, 1e9))


def write_parquet(value: int) -> Any:
    return lambda path: pl.DataFrame({"a": [value]}).write_parquet(path)


def write_workbook(value: int) -> Any:
    return lambda path: pl.DataFrame({"a": [value]}).write_excel(path)


KINDS = {
    "x.csv": (b"a\tb\n1\t2\n", b"a\tb\n1\t3\n"),
    "x.csv.gz": (gzip.compress(b"a,b\n1,2\n", mtime=0), gzip.compress(b"a,b\n1,3\n", mtime=0)),
    "x.json": (b'[{"a": 1}]', b'[{"a": 2}]'),
    "x.jsonl": (b'{"a": 1}\n', b'{"a": 2}\n'),
    "x.ndjson.gz": (gzip.compress(b'{"a": 1}\n', mtime=0), gzip.compress(b'{"a": 2}\n', mtime=0)),
    "x.parquet": (write_parquet(1), write_parquet(2)),
    "x.xlsx": (write_workbook(1), write_workbook(2)),
}


def put(path: Path, content: Any) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_remembered_by_its_content(tmp_path: Path, name: str) -> None:
    project = small(tmp_path, name)
    before, after = KINDS[name]
    project.write("other.py", "X = 1\n")
    put(tmp_path / name, before)
    assert project.ran() == BOTH
    touch(tmp_path / name)
    project.write("other.py", "X = 2\n")
    assert project.ran() == []
    put(tmp_path / name, after)
    assert project.ran()[0] == "ingest"


@pytest.mark.slow_except("data/2024-*.csv")
@pytest.mark.parametrize("source", ["data/2024-*.csv", "data"])
def test_files_of_one_schema_are_one_source(tmp_path: Path, source: str) -> None:
    project = small(tmp_path, source)
    for month in ("01", "02"):
        project.write(f"data/2024-{month}.csv", f"id,x\n{month},1\n")
    assert project.run().result == 2
    touch(tmp_path / "data/2024-01.csv")
    assert project.ran() == []
    project.write("data/2024-03.csv", "x,id\n1,03\n")
    run = project.run()
    assert (run.executed, run.result) == (BOTH, 3)
    (tmp_path / "data/2024-03.csv").rename(tmp_path / "data/2024-04.csv")
    assert project.ran()[0] == "ingest"
    (tmp_path / "data/2024-04.csv").unlink()
    assert project.ran() == []


def test_a_file_beside_a_pattern_does_not_matter(tmp_path: Path) -> None:
    project = small(tmp_path, "data/2024-*.csv")
    project.write("data/2024-01.csv", "id,x\n1,1\n")
    project.ran()
    project.write("data/2023-01.csv", "other\n1\n")
    project.write("data/.2024-hidden.csv", "other\n1\n")
    assert project.ran() == []


def test_a_folder_elsewhere_gives_the_same_keys(tmp_path: Path) -> None:
    project = small(tmp_path / "one", "data")
    project.write("data/a.csv", "id,x\n1,1\n")
    project.ran()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert Small(tmp_path / "two").ran() == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("data/*.csv", "No file matches"),
        ("parts", "has no files"),
        ("customers.csv", r"did you mean 'data/customers.csv'"),
        ("data/custmers.csv", "did you mean 'customers.csv'"),
        ("memory://nothing/x.csv", "There is no file memory://nothing/x.csv"),
    ],
)
def test_what_is_not_there_is_said_before_any_work(tmp_path: Path, source: str, said: str) -> None:
    project = small(tmp_path, source)
    (tmp_path / "parts").mkdir()
    if "*" not in source:
        project.write("data/customers.csv", "id,x\n1,1\n")
    answer = project.command("plan")
    assert answer.code == 1
    assert re.search(said, answer.err), answer.err
    assert "Traceback" not in answer.err
    assert not list(project.events())


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    with remote_stores.served():
        yield remote_stores.s3()


@pytest.mark.slow_except("test_a_file_in_a_bucket_is_remembered_by_its_content")
class TestElsewhere:
    """Files of a bucket on a real server, and in memory."""

    def test_a_file_in_a_bucket_is_remembered_by_its_content(self, tmp_path: Path, bucket: Any) -> None:
        project = small(tmp_path, "s3://campaigns/in/x.csv")
        bucket.pipe_file("campaigns/in/x.csv", b"id,x\n1,2\n")
        assert project.ran() == BOTH
        bucket.pipe_file("campaigns/in/x.csv", b"id,x\n1,2\n")
        assert project.ran() == []
        bucket.pipe_file("campaigns/in/x.csv", b"id,x\n1,3\n")
        assert project.ran() == ["ingest", "height"]
        assert "something" not in "".join(
            p.read_text(errors="replace") for p in (tmp_path / ".magical").rglob("*") if p.is_file()
        )

    @pytest.mark.parametrize("source", ["s3://campaigns/parts/*.csv", "s3://campaigns/parts"])
    def test_a_new_file_in_a_bucket_is_seen(self, tmp_path: Path, bucket: Any, source: str) -> None:
        project = small(tmp_path, source)
        for path in bucket.find("campaigns/parts"):
            bucket.rm_file(path)
        bucket.pipe_file("campaigns/parts/a.csv", b"id,x\n1,2\n")
        assert project.run().result == 1
        assert project.ran() == []
        bucket.pipe_file("campaigns/parts/b.csv", b"id,x\n2,2\n")
        assert project.run().result == 2

    @pytest.mark.parametrize("name", KINDS)
    def test_every_kind_is_read_elsewhere(self, tmp_path: Path, bucket: Any, name: str) -> None:
        put(tmp_path / name, KINDS[name][0])
        bucket.pipe_file(f"campaigns/kinds/{name}", (tmp_path / name).read_bytes())
        assert small(tmp_path / "p", f"s3://campaigns/kinds/{name}").run().result == 1

    def test_a_missing_bucket_is_said(self, tmp_path: Path, bucket: Any) -> None:
        answer = small(tmp_path, "s3://nobody/x.csv").command("run")
        assert answer.code == 1
        assert "There is no file s3://nobody/x.csv" in answer.err


def test_a_file_in_memory_of_fsspec(tmp_path: Path) -> None:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/sources/x.csv", b"id,x\n1,2\n")
    project = small(tmp_path, "memory://sources/x.csv")
    assert project.ran() == BOTH
    assert project.ran() == []
    fsspec.filesystem("memory").pipe_file("/sources/x.csv", b"id,x\n1,2\n2,3\n")
    assert project.run().result == 2


def test_a_password_in_a_url_is_refused(tmp_path: Path) -> None:
    project = small(tmp_path, "x.csv")
    project.write(
        "settings.toml", 'source = "https://me:hunter22@example.org/x.csv"\n[tracking]\nenabled = false\n'
    )
    answer = project.command("plan")
    assert answer.code == 2
    assert "has a password or a token in it" in answer.err
    assert "hunter22" not in answer.err + answer.out


SQL = '''
from magical import Secret
from magical.library import Database, ingest_sql


class S(Settings):
    shop: Database = Database(uri="URI")
    query: str = "SELECT * FROM orders ORDER BY id"


@step
def height(table: Frame) -> int:
    """Count."""
    return table.height


@workflow
def flow(s: S) -> int:
    return height(ingest_sql(s.shop, s.query))
'''


def shop(root: Path) -> sqlite3.Connection:
    (root / "data").mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(root / "data/shop.db", isolation_level=None)
    connection.execute("CREATE TABLE orders (id INTEGER, price REAL, day TEXT)")
    connection.execute("INSERT INTO orders VALUES (1, 1.5, '2024-01-01'), (2, NULL, '2024-01-02')")
    return connection


def test_a_database_is_asked_in_each_run_and_its_answer_is_what_counts(tmp_path: Path) -> None:
    connection = shop(tmp_path)
    project = one(tmp_path, SQL.replace("URI", "sqlite:///data/shop.db"))
    assert project.run().result == 2
    assert project.ran() == ["ingest_sql"]
    connection.execute("INSERT INTO orders VALUES (3, 2, '2024-01-03')")
    run = project.run()
    assert (run.executed, run.result) == (["ingest_sql", "height"], 3)
    assert project.ran(query="SELECT * FROM orders WHERE id < 9 ORDER BY id") == ["ingest_sql"]
    project.write("settings.toml", 'shop = "sqlite:///data/shop.db"\n[tracking]\nenabled = false\n')
    assert project.run().result == 3


@pytest.mark.parametrize(
    ("uri", "query", "said"),
    [
        (
            "sqlite:///data/shp.db",
            "SELECT 1",
            r"There is no database .*shp\.db(.|\n)*did you mean 'shop\.db'",
        ),
        ("sqlite:///data/shop.db", "SELECT * FROM oders", "refused: no such table: oders"),
        ("sqlite:///data/shop.db", "DELETE FROM orders", "refused"),
        ("sqlite:///data/shop.db", "SELECT * FROM orders WHERE id > 5", "3 column names and no rows"),
        ("postgresql+psycopg://me@nowhere/shop", "SELECT 1", "pip install psycopg"),
    ],
)
def test_a_database_that_does_not_answer_is_named(tmp_path: Path, uri: str, query: str, said: str) -> None:
    connection = shop(tmp_path)
    answer = one(tmp_path, SQL.replace("URI", uri)).command("run", f"query={query}")
    assert answer.code == 1
    assert re.search(said, answer.err + answer.out), answer.err + answer.out
    assert "Traceback" not in answer.err
    assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)


def test_a_password_of_a_database_is_a_secret(tmp_path: Path) -> None:
    project = one(tmp_path, SQL.replace("URI", "sqlite:///data/shop.db"))
    project.write("settings.toml", 'shop = "postgresql://me:hunter22@db/shop"\n[tracking]\nenabled = false\n')
    answer = project.command("plan")
    assert answer.code == 2
    assert "has its password in the URL" in answer.err
    assert "hunter22" not in answer.err + answer.out


def test_tables_in_memory_are_known_by_their_content(tmp_path: Path) -> None:
    body = """
    import pandas as pd
    from magical.library import ingest

    @step
    def total(a: Frame, b: Frame) -> int:
        return int(a["x"].sum() + b["x"].sum())

    @workflow
    def flow() -> int:
        return total(ingest(pl.DataFrame({"x": [1, 2]})), ingest(pd.DataFrame({"x": [3, 4]})))
    """
    project = one(tmp_path, body)
    assert project.run().result == 10
    assert project.ran() == []
    project.edit("workflow.py", "[3, 4]", "[4, 3]")
    assert project.ran() == ["ingest[2]", "total"]


@pytest.mark.parametrize(
    ("source", "package", "hint"),
    [
        ("x.xlsx", "fastexcel", "pip install 'magical-thinking[excel]'"),
        ("s3://bucket/x.csv", "fsspec", "pip install 'magical-thinking[remote]'"),
        ("s3://bucket/x.csv", "s3fs", "pip install s3fs"),
        ("gs://bucket/x.csv", "", "pip install gcsfs"),
    ],
)
def test_a_missing_extra_is_named_before_any_work(
    tmp_path: Path, source: str, package: str, hint: str
) -> None:
    project = small(tmp_path, source)
    project.write("x.xlsx", "")
    with mock.patch.dict(sys.modules, {package: None} if package else {}):
        answer = project.command("show")
    assert answer.code == 1
    lines = answer.err.splitlines()  # the author's line comes after the message
    assert lines[:2] == [
        f"{tmp_path / source if package == 'fastexcel' else source} needs a package that is not here.",
        f"Hint: {hint}",
    ]


def test_a_date_of_a_workbook_stays_a_date(tmp_path: Path) -> None:
    pl.DataFrame({"day": [dt.date(2024, 1, 2)], "id": ["007"]}).write_excel(tmp_path / "x.xlsx")
    project = small(tmp_path, "x.xlsx")
    assert project.run()["ingest"].rows() == [(dt.date(2024, 1, 2), "007")]


@pytest.mark.parametrize("source", ["parts", "parts/*.csv"])
def test_a_pretended_file_among_others_brands_who_reads_them(tmp_path: Path, source: str) -> None:
    body = f"""
    from magical.library import ingest

    class S(Settings):
        source: InputPath = InputPath("{source}")
        made: OutputPath = OutputPath("parts/made.csv")

    @step
    def rows() -> int: ...

    @step
    def export(rows: int, file: OutputPath) -> int:
        file.write_text("id,x\\n1,2\\n")
        return rows

    @workflow
    def flow(s: S) -> Frame:
        export(rows(), s.made)
        return ingest(s.source)
    """
    project = one(tmp_path, body)
    project.write("parts/real.csv", "id,x\n2,3\n")
    assert "rows" in project.load().plan()["ingest"].origin
    project.write("parts/made.csv", "id,x\n1,2\n")
    assert "rows" in project.load().plan()["ingest"].origin


def test_a_file_of_a_folder_that_changes_while_it_is_read_is_said(tmp_path: Path) -> None:
    body = """
    from pathlib import Path

    class S(Settings):
        source: InputPath = InputPath("parts")

    @step
    def read(source: InputPath) -> int:
        (Path(source) / "new.csv").write_text("id,x")
        return 1

    @workflow
    def flow(s: S) -> int:
        return read(s.source)
    """
    project = one(tmp_path, body)
    project.write("parts/a.csv", "id,x\n2,3\n")
    assert "parts changed while it was read" in str(project.fails()["read"])


def test_why_names_the_files_of_a_folder_that_changed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "abcd":
        (folder / f"{name}.csv").write_text("x\n1\n")
    project = small(tmp_path, "data")
    project.run()
    (folder / "e.csv").write_text("x\n5\n")
    (folder / "a.csv").unlink()
    assert "of the files given as source, e.csv was added, a.csv was removed" in project.why("ingest")
    for name in "bcd":
        (folder / f"{name}.csv").write_text("x\n2\n")
    said = "e.csv was added, a.csv was removed, b.csv changed and 2 more"
    assert said in project.why("ingest")
    project.run()
    assert said in project.why("ingest")  # of the run before
    shutil.rmtree(tmp_path / ".magical" / "files")
    assert "the file given as source has other content" in project.why("ingest")


def test_a_replay_says_that_the_files_are_others_than_in_the_run(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x\n1\n")
    project = small(tmp_path, "data")
    project.run()
    said = "the files given as source have other content now than in the run"
    assert said not in str(replay_step(project.load(), "last", "ingest"))
    (tmp_path / "data" / "b.csv").write_text("x\n5\n")
    assert said in str(replay_step(project.load(), "last", "ingest"))
