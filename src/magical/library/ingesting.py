"""The steps ``ingest`` and ``ingest_sql``: read a source as a raw table."""

from __future__ import annotations

from magical.contracts.promises import Frame
from magical.errors import InputError
from magical.events import keep
from magical.library.remarks import warn
from magical.library.sources.database import Database, find_missing_driver, query_database
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reader import find_missing_extra, read_source
from magical.library.sources.reading_settings import Reading
from magical.settings import InputPath
from magical.steps import step

__all__ = ["ingest", "ingest_sql"]

_NOTHING_SAID = Reading()


def _check_extra(source: object, reading: object) -> None:
    if missing := find_missing_extra(source):
        raise InputError(f"{source} needs a package that is not here.", hint=missing)


def _check_driver(database: object, query: object) -> None:
    if isinstance(database, Database) and (missing := find_missing_driver(database)):
        raise InputError(f"The database {database.uri} needs a package that is not here.", hint=missing)


@step(promises=_check_extra)
def ingest(source: InputPath, reading: Reading = _NOTHING_SAID) -> Frame:
    r"""Read files, or a table in memory, as a raw table that promises no columns yet.

    | source | read as |
    |---|---|
    | .csv, .tsv, .txt | any usual delimiter, quotes, encoding and line ends; all columns are **text** |
    | .json, .jsonl, .ndjson | an array of records, or a record a line; nested fields stay nested |
    | .parquet, .pq | as it is |
    | .xlsx, .xlsm, .xls, .xlsb | one sheet, with the types of its cells (extra ``excel``) |
    | a table of polars or pandas | as it is |

    Each may be compressed (``.csv.gz``, ``.bz2``, ``.xz``). A folder or a pattern (``data/2024-*.csv``) is
    read as one table: its files must have the same columns. ``s3://``, ``gs://``, ``https://`` and the like
    are read where they are (extra ``remote``). The texts of a csv file stay exactly as written, so leading
    zeros, long ids and unusual dates survive; ``model_data`` converts them. An empty field is null. Rows
    without any value are dropped. What was found out is kept as ``source``, with all remarks.

    Args:
        source: this step runs again when its content changes, or a file is added, renamed or removed.
        reading: what the author says of the source; the rest is found out.

    Raises:
        InputError: the source is missing, empty, of an unknown kind, or malformed; the message says where.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp(), "customers.csv")
        >>> _ = path.write_text("ID;Income\n007;1,5\n")
        >>> ingest(InputPath(path)).rows()
        [('007', '1,5')]
    """
    raw = read_source(source, reading)
    _report_reading(raw)
    if raw.table.is_empty():
        name = str(source) if hasattr(source, "text") else "The table"
        raise InputError(
            f"{name} has {raw.table.width} column names and no rows.", hint="give one with at least one row."
        )
    return raw.table


@step(reads="world", promises=_check_driver)
def ingest_sql(database: Database, query: str) -> Frame:
    """Ask a database, and give its answer as a raw table that promises no columns yet.

    Each run asks again; what follows runs again only if the answer differs. A query without ORDER BY may give
    the rows in another order each time, which is another answer.

    Args:
        database: SQLite is always there; for others, the extra ``sql`` and the driver of the database.
        query: in the SQL of the database.

    Raises:
        InputError: there is no such database, a package is missing, the query fails, or has no rows.

    Example:
        >>> import sqlite3, tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp(), "shop.db")
        >>> with sqlite3.connect(path) as shop:
        ...     _ = shop.execute("CREATE TABLE orders AS SELECT 7 AS id, 1.5 AS price")
        >>> ingest_sql(Database(uri=f"sqlite:///{path}"), "SELECT * FROM orders ORDER BY id").rows()
        [(7, 1.5)]
    """
    raw = query_database(database, query)
    _report_reading(raw)
    if raw.table.is_empty():
        raise InputError(
            f"The answer of {database.uri} has {raw.table.width} column names and no rows.",
            hint="look at the conditions of the query.",
        )
    return raw.table


def _report_reading(raw: RawTable) -> None:
    """Warn of each remark, and keep them with the facts of the source, as ``source``."""
    for remark in raw.remarks:
        warn(remark)
    if raw.facts or raw.remarks:
        keep("source", {**raw.facts, **({"remarks": list(raw.remarks)} if raw.remarks else {})})
