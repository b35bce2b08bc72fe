"""Compare readers of csv on the small files of the tests: `python benchmarks/readers.py` prints a table.

Each reader opens each file with its defaults; polars is told the delimiter, pandas is asked to look for it.
DuckDB and clevercsv take part if they are installed. A file counts once, however many contracts read it.
Files whose author states how they are written are left out, and so are those that are about roles.
"""

import argparse
import datetime as dt
import importlib.util
import math
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from magical.errors import MagicalError
from reading.case_reading import read_case
from reading.file_cases import CASES, NOTHING_SAID, SAMPLES, FileCase

Columns = list[list[Any]]
Reader = Callable[[FileCase, Path], Columns]
OUTCOMES = ("right", "text", "refused", "wrong")
NOT_ABOUT_READING = ("running numbers", "few positives")
HARMLESS = {
    "one column without a name",
    "two columns of one name",
    "a header and no rows",
    "a decimal in a column of whole numbers",
    "a whole number by contract is no decimal",
}
"""Files that are refused by their contract or by convention: who knows neither may read them."""


def read_by_contract(case: FileCase, folder: Path) -> Columns:
    result = read_case(case, folder)
    return list(result.columns.values())


def read_by_inference(case: FileCase, folder: Path) -> Columns:
    return read_by_contract(replace(case, contract=""), folder)


def read_by_duckdb(case: FileCase, folder: Path) -> Columns:
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    # A moment with an offset is fetched as a text: Python's objects would need another package.
    connection.execute("SET TimeZone = 'UTC'")
    relation = connection.sql(f"SELECT * FROM read_csv('{_write(case, folder)}')")
    return list(map(list, zip(*relation.fetchall(), strict=True))) or [[] for _ in relation.columns]


def read_by_polars(case: FileCase, folder: Path) -> Columns:
    path = _write(case, folder)
    first = case.data[:200].decode(errors="replace").split("\n")[0]
    delimiter = max("\t;|,:", key=first.count)
    table = pl.read_csv(path, separator=delimiter, try_parse_dates=True)
    return [c.to_list() for c in table.get_columns()]


def read_by_pandas(case: FileCase, folder: Path) -> Columns:
    return _from_pandas(pd.read_csv(_write(case, folder), sep=None, engine="python"))


def read_by_clevercsv(case: FileCase, folder: Path) -> Columns:
    import clevercsv

    return _from_pandas(clevercsv.read_dataframe(str(_write(case, folder))))


READERS: dict[str, Reader] = {
    "magical, by contract": read_by_contract,
    "magical, inferred": read_by_inference,
    "DuckDB": read_by_duckdb,
    "polars": read_by_polars,
    "pandas": read_by_pandas,
    "clevercsv": read_by_clevercsv,
}
NEEDS = {"DuckDB": "duckdb", "clevercsv": "clevercsv"}


def judge(reader: Reader, case: FileCase) -> str:
    """Return what came of a file: one of the outcomes."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            columns = reader(case, Path(folder))
        except (KeyboardInterrupt, SystemExit):
            raise
        except (Exception, AssertionError) as error:
            if isinstance(error, MagicalError) or reader not in (read_by_contract, read_by_inference):
                return "right" if case.refused else "refused"
            return "wrong"
    return _judge_refusable(case, columns) if case.refused else _judge_values(case, columns)


def _judge_refusable(case: FileCase, columns: Columns) -> str:
    """Judge a file that cannot be read without a guess: a text that is left as it is guesses nothing."""
    if case.name in HARMLESS:
        return "right"
    if case.name == "no header":
        return "right" if columns and len(columns[0]) == 3 else "wrong"
    if not case.contract:
        return "wrong"
    return "text" if columns and any(isinstance(v, str) for v in columns[-1]) else "wrong"


def _judge_values(case: FileCase, columns: Columns) -> str:
    right = [list(v) for v in case.columns.values()]
    if case.target and case.kind == "few positives":
        right = right[:-1]
    if len(columns) != len(right) or any(len(c) != len(r) for c, r in zip(columns, right, strict=True)):
        return "wrong"
    outcomes = {
        _judge_value(v, r) for c, rs in zip(columns, right, strict=True) for v, r in zip(c, rs, strict=True)
    }
    return max(outcomes, key=OUTCOMES.index)


def _judge_value(value: Any, right: Any) -> str:
    value, right = _plain(value), _plain(right)
    if isinstance(value, str) == isinstance(right, str) and value == right:  # True is 1
        return "right"
    as_written = isinstance(value, str) or (isinstance(value, int) and isinstance(right, dt.date))  # 20240327
    return "text" if as_written and not isinstance(right, str) else "wrong"


def _plain(value: Any) -> Any:
    """Return a value in the one form in which it is compared: numbers as floats, dates as moments in UTC."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, str):
        return value.strip().replace("\r\n", "\n") or None
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return bool(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    if isinstance(value, int):
        return value
    number = float(value)
    return None if math.isnan(number) else int(number) if number.is_integer() else number


def _from_pandas(table: pd.DataFrame) -> Columns:
    """Return the columns; an index that is no count is a column that was mistaken for one."""
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    return [table.iloc[:, i].tolist() for i in range(table.shape[1])]


def _write(case: FileCase, folder: Path) -> Path:
    path = folder / case.file
    path.write_bytes(case.data)
    return path


def distinct_files() -> list[FileCase]:
    """Return the cases that are compared; of those with the same bytes, the one that must be refused."""
    found: dict[bytes, FileCase] = {}
    for case in sorted((*SAMPLES, *CASES), key=lambda c: (not c.refused, bool(c.contract))):
        stated = case.reading != NOTHING_SAID or "Annotated" in case.contract
        if not stated and case.kind not in NOT_ABOUT_READING:
            found.setdefault(case.data, case)
    return [case for case in (*SAMPLES, *CASES) if found.get(case.data) is case]


def to_markdown(counts: Mapping[str, Mapping[str, Counter[str]]], kinds: Iterable[str]) -> str:
    """Write a row for each kind of file: right, left as text, refused, wrong of each reader."""
    head = ["kind of file", "files", *counts]
    lines = [head, ["---"] * len(head)]
    for kind in kinds:
        by_reader = [c[kind] for c in counts.values()]
        cells = [" · ".join(str(c[o]) for o in OUTCOMES) for c in by_reader]
        lines.append([kind, str(sum(by_reader[0].values())), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", action="store_true", help="print a line for each file too")
    each = parser.parse_args().each
    readers = {n: r for n, r in READERS.items() if importlib.util.find_spec(NEEDS.get(n, "polars"))}
    counts: dict[str, dict[str, Counter[str]]] = {n: defaultdict(Counter) for n in readers}
    kinds: dict[str, None] = {}
    for case in distinct_files():
        kinds[case.kind] = None
        outcomes = {n: judge(reader, case) for n, reader in readers.items()}
        for name, outcome in outcomes.items():
            counts[name][case.kind][outcome] += 1
            counts[name]["**all**"][outcome] += 1
        if each:
            print(f"{case.kind}: {case.name}: " + ", ".join(f"{n} {o}" for n, o in outcomes.items()))
    print(to_markdown(counts, [*kinds, "**all**"]))


if __name__ == "__main__":
    main()
