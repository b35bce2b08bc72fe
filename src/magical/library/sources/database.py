"""Databases: the answer to a query as a table."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field, PrivateAttr, model_validator

from magical.errors import InputError, SettingsError, shorten
from magical.input_files.local_files import missing_file_hint
from magical.library.sources.raw_table import RawTable
from magical.masking import mask, mask_uris, register_uri_secrets
from magical.settings import Secret, Settings

__all__ = ["Database", "find_missing_driver", "query_database"]

_SQLITE = "sqlite:///"
_EXACT_IN_FLOAT = 2**53


class Database(Settings):
    """Where a database is: a URL of SQLAlchemy without the password, which is a secret of its own.

    In settings the path of a SQLite file starts from the project; outside of them, from the working
    directory. In a settings file a plain text is enough where there is no password.

    Attributes:
        uri: such as ``sqlite:///data/shop.db`` or ``postgresql+psycopg://me@server/shop``.
        password: a reference to the password.

    Raises:
        SettingsError: the URL has a password in it.

    Example:
        >>> Database(uri="postgresql+psycopg://me@server/shop", password=Secret("env:SHOP_PASSWORD")).uri
        'postgresql+psycopg://me@server/shop'
    """

    uri: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9+._-]*://")
    password: Secret | None = None
    _folder: Path | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"uri": value}
        uri = value.get("uri") if isinstance(value, dict) else None
        if isinstance(uri, str) and mask_uris(uri) != uri:
            register_uri_secrets(uri)
            # No ValueError: pydantic's message would repeat the value.
            raise SettingsError(
                f"The database {mask_uris(uri)} has its password in the URL.",
                hint='leave it out, and add: password = "env:NAME" or "file:PATH".',
            )
        return value

    def model_post_init(self, context: Any) -> None:
        """Note the folder that the path of a SQLite file starts from."""
        super().model_post_init(context)
        self._folder = (context or {}).get("root")

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database; None for another one."""
        if not self.uri.startswith(_SQLITE):
            return None
        path = Path(self.uri.removeprefix(_SQLITE)).expanduser()
        return self._folder / path if self._folder is not None else path


def query_database(database: Database, query: str) -> RawTable:
    """Ask a database, and return its answer.

    A column in which SQLite has texts and numbers is text, and a remark says so.

    Args:
        database: SQLite files are opened for reading only.
        query: in the SQL of the database.

    Raises:
        InputError: there is no such database, a package is missing, or the query fails.
    """
    kinds: dict[int, dict[str, Any]] = {}
    with _open(database) as connection:
        if isinstance(connection, sqlite3.Connection):  # which has types of values, not of columns
            connection.row_factory = partial(_note_kinds, kinds)
        try:
            table = pl.read_database(query, connection, infer_schema_length=None)
        except Exception as error:  # each driver has exceptions of its own
            raise _answer_error(database, error) from None
    return RawTable(table, tuple(_describe_mixed(table.columns, kinds, database)))


def _note_kinds(kinds: dict[int, dict[str, Any]], _: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Note a value of each kind in each column of a row."""
    for index, value in enumerate(row):
        if value is not None:
            is_long = type(value) is int and abs(value) > _EXACT_IN_FLOAT
            kinds.setdefault(index, {})["long" if is_long else type(value).__name__] = value
    return row


def _describe_mixed(names: list[str], kinds: dict[int, dict[str, Any]], database: Database) -> Iterator[str]:
    for index, found in sorted(kinds.items()):
        numbers = {"int", "float", "long"}
        if found.keys() <= {"int", "long"} or found.keys() <= {"int", "float"} or len(found) == 1:
            continue
        shown = " and ".join(repr(value) for value in list(found.values())[:2])
        if "bytes" in found or found.keys() <= numbers:
            raise InputError(
                f"The column {names[index]} of the answer of {database.uri} has values that fit no one type: "
                f"{shown}.",
                hint=f"cast it in the query: CAST({names[index]} AS TEXT).",
            )
        yield f"{database.uri}: {names[index]} has texts and numbers, such as {shown}; it is read as text."


def find_missing_driver(database: Database) -> str:
    """Return the command that installs what a database needs and this machine lacks; empty if nothing.

    Example:
        >>> find_missing_driver(Database(uri="sqlite:///shop.db"))
        ''
    """
    from importlib.util import find_spec

    if database.sqlite_file is not None:
        return ""
    if find_spec("sqlalchemy") is None:
        return "pip install 'magical-thinking[sql]'"
    import sqlalchemy

    try:
        sqlalchemy.make_url(database.uri).get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        return f"pip install {error.name}"
    except sqlalchemy.exc.NoSuchModuleError:
        return f"install the package that brings {database.uri.partition(':')[0]} to SQLAlchemy."
    except sqlalchemy.exc.ArgumentError:
        return "give a URL of SQLAlchemy, such as postgresql+psycopg://me@server/shop."
    return ""


@contextlib.contextmanager
def _open(database: Database) -> Iterator[Any]:
    file = database.sqlite_file
    if file is not None:
        if not file.is_file():
            raise InputError(f"There is no database {file}.", hint=missing_file_hint(file))
        # Read only, or a query could write; `immutable` would miss what others write.
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            opened.set_authorizer(_forbid_attaching)
            yield opened
        return
    if missing := find_missing_driver(database):
        raise InputError(f"The database {database.uri} needs a package that is not here.", hint=missing)
    import sqlalchemy

    url = sqlalchemy.make_url(database.uri)
    if database.password is not None:
        url = url.set(password=database.password.reveal())
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)  # closed with its connection
        connection = engine.connect()
    except Exception as error:
        raise _query_error(database, error) from None
    with connection:
        yield connection


def _forbid_attaching(action: int, *_: object) -> int:
    # ATTACH makes the file that it names, and may write to it.
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _answer_error(database: Database, error: Exception) -> InputError:
    what = shorten(str(error), 140)
    match error:
        case pl.exceptions.UnsuitableSQLError():
            return _query_error(database, error)
        case pl.exceptions.DuplicateError():
            return InputError(
                f"The answer of {database.uri} has two columns of one name: {what}.",
                hint="name one of them in the query: SELECT column AS other_name.",
            )
        case AttributeError() | TypeError() if "'NoneType' object" in what:  # a cursor without columns
            return InputError(
                f"The query to {database.uri} asks for no rows.", hint="write one that begins with SELECT."
            )
        case pl.exceptions.PolarsError() | TypeError() | OverflowError():
            return InputError(
                f"A column of the answer of {database.uri} has values of several types: {what}.",
                hint="cast it in the query: CAST(column AS TEXT).",
            )
    return _query_error(database, error)


def _query_error(database: Database, error: Exception) -> InputError:
    what = shorten(mask(str(getattr(error, "orig", None) or error)), 200).rstrip(".")
    is_locked = "database is locked" in what
    hint = "another program is writing to it: run again." if is_locked else "mend the query, or the address."
    return InputError(f"The database {database.uri} refused: {what}.", hint=hint)
