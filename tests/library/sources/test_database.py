"""query_database: the answer of a database, by the standard library or by SQLAlchemy."""

import contextlib
import sqlite3
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter

from magical.errors import InputError, SettingsError
from magical.library.sources.database import Database, find_missing_driver, query_database
from magical.masking import mask
from magical.settings import Secret, to_json
from projects import is_well_worded

QUERY = "SELECT * FROM orders ORDER BY id"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop [1].db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, price REAL, name TEXT)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(1, 1.5, "a"), (2, None, "b")])
    connection.close()
    return path


@pytest.mark.parametrize("scheme", ["sqlite:///", "sqlite+pysqlite:///"])
def test_both_ways_give_one_answer(shop: Path, scheme: str) -> None:
    table = query_database(Database(uri=f"{scheme}{shop}"), QUERY).table
    assert table.rows() == [(1, 1.5, "a"), (2, None, "b")]
    assert table.schema == {"id": pl.Int64, "price": pl.Float64, "name": pl.String}


def test_all_rows_decide_on_a_type(shop: Path) -> None:
    with sqlite3.connect(shop) as connection:
        connection.execute("CREATE TABLE late AS SELECT 0 AS id, NULL AS x")
        connection.executemany("INSERT INTO late VALUES (?, NULL)", [(i,) for i in range(1, 500)])
        connection.execute("INSERT INTO late VALUES (500, 'text')")
    connection.close()
    table = query_database(Database(uri=f"sqlite:///{shop}"), "SELECT * FROM late ORDER BY id").table
    assert table["x"].to_list() == [*[None] * 500, "text"]


@pytest.mark.parametrize(
    ("values", "right", "said"),
    [
        (["1", "'n/a'"], ["1", "n/a"], "x has texts and numbers, such as 1 and 'n/a'; it is read as text"),
        (["1", "1.5"], [1.0, 1.5], ""),
        (["1", "NULL", "9223372036854775807"], [1, None, 2**63 - 1], ""),
    ],
)
def test_values_of_several_types_are_one_type_and_said(
    shop: Path, values: list[str], right: list[Any], said: str
) -> None:
    query = " UNION ALL ".join(f"SELECT {v} AS x" for v in values)
    raw = query_database(Database(uri=f"sqlite:///{shop}"), query)
    assert raw.table["x"].to_list() == right
    assert [said in remark for remark in raw.remarks] == [True] * bool(said)


@pytest.mark.parametrize("values", [["9223372036854775807", "1.5"], ["x'00ff'", "'a'"]])
def test_values_that_fit_no_type_are_refused(shop: Path, values: list[str]) -> None:
    query = " UNION ALL ".join(f"SELECT {v} AS x" for v in values)
    with pytest.raises(InputError, match="fit no one type") as error:
        query_database(Database(uri=f"sqlite:///{shop}"), query)
    assert is_well_worded(str(error.value))


@pytest.mark.parametrize("scheme", ["sqlite:///", "sqlite+pysqlite:///"])
def test_a_query_that_fails_is_said_in_one_line(shop: Path, scheme: str) -> None:
    with pytest.raises(InputError, match="refused: no such table: oders") as error:
        query_database(Database(uri=f"{scheme}{shop}"), "SELECT * FROM oders")
    assert is_well_worded(str(error.value))


@pytest.mark.parametrize("scheme", ["sqlite:///", "sqlite+pysqlite:///"])
@pytest.mark.parametrize(
    ("query", "said", "hint"),
    [
        ("SELECT id, id FROM orders", "two columns of one name", "AS other_name"),
        ("", "asks for no rows", "SELECT"),
    ],
)
def test_the_true_cause_of_a_useless_query(shop: Path, scheme: str, query: str, said: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        query_database(Database(uri=f"{scheme}{shop}"), query)
    assert said in str(error.value)
    assert hint in error.value.hint


def test_a_locked_database_is_said(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, timeout=0, **kwargs))
    with contextlib.closing(connect(shop)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="database is locked") as error:
            query_database(Database(uri=f"sqlite:///{shop}"), QUERY)
    assert "another program is writing" in error.value.hint


def test_an_address_that_its_driver_refuses_is_said(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "tiger-tiger")
    database = Database(uri=f"sqlite+pysqlite:///{shop}", password=Secret("env:SHOP_PASSWORD"))
    with pytest.raises(InputError, match="refused: Invalid SQLite URL") as error:
        query_database(database, QUERY)
    assert "tiger" not in str(error.value)
    assert is_well_worded(str(error.value))


def test_a_file_is_never_made_or_changed(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no database"):
        query_database(Database(uri=f"sqlite:///{tmp_path}/other.db"), "SELECT 1")
    assert not (tmp_path / "other.db").exists()
    with pytest.raises(InputError):
        query_database(Database(uri=f"sqlite:///{shop}"), f"ATTACH DATABASE '{tmp_path}/other.db' AS other")
    assert not (tmp_path / "other.db").exists()
    before = shop.read_bytes()
    with pytest.raises(InputError):
        query_database(Database(uri=f"sqlite:///{shop}"), "WITH a AS (SELECT 1) DELETE FROM orders")
    assert shop.read_bytes() == before
    (tmp_path / "text.db").write_text("no database, but a long enough text")
    with pytest.raises(InputError, match="file is not a database"):
        query_database(Database(uri=f"sqlite:///{tmp_path}/text.db"), "SELECT * FROM sqlite_master")


def test_a_path_starts_from_the_project(shop: Path) -> None:
    adapter = TypeAdapter(Database)
    for value in (f"sqlite:///{shop.name}", {"uri": f"sqlite:///{shop.name}"}):
        database = adapter.validate_python(value, context={"root": shop.parent})
        assert query_database(database, QUERY).table.height == 2
        assert to_json(database) == {"uri": f"sqlite:///{shop.name}", "password": None}


def test_a_password_is_a_reference(monkeypatch: pytest.MonkeyPatch, shop: Path) -> None:
    with pytest.raises(SettingsError, match="has its password in the URL") as error:
        Database(uri="postgresql://me:hunter2222@db/shop")
    assert "hunter2222" not in str(error.value)
    assert mask("hunter2222") == "***"
    with pytest.raises(SettingsError, match="has its password in the URL") as error:
        Database(uri="postgresql://db/shop?user=me&password=hunter5555")
    assert "hunter5555" not in str(error.value)
    monkeypatch.setenv("SHOP_PASSWORD", "tiger-tiger")
    database = Database(uri="postgresql+psycopg://me@db/shop", password=Secret("env:SHOP_PASSWORD"))
    assert "tiger" not in repr(database) + str(to_json(database))


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("sqlite:///x.db", ""),
        ("sqlite+pysqlite:///x.db", ""),
        ("postgresql+psycopg://me@db/shop", "pip install psycopg"),
        ("postgresql+nodriver://me@db/shop", "install the package that brings"),
        ("nothing://me@db/shop", "install the package that brings"),
    ],
)
def test_a_missing_driver_is_named(uri: str, hint: str) -> None:
    found = find_missing_driver(Database(uri=uri))
    assert found.startswith(hint)
    assert bool(found) == bool(hint)


def test_the_package_itself_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)  # type: ignore[arg-type]
    assert find_missing_driver(Database(uri="duckdb:///x")) == "pip install 'magical-thinking[sql]'"
