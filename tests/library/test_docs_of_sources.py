"""docs/sources.md is true: its blocks are run, one after the other, beside the files that they name."""

import gzip
import re
import sqlite3
from pathlib import Path
from typing import Any

import fsspec
import pytest
import xlsxwriter

from magical import InputPath, Secret

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")


def write_sources(data: Path) -> None:
    """Write the files that the page names."""
    (data / "visits" / "2024").mkdir(parents=True)
    (data / "customers.csv").write_text("id;x\n007;1,5\n")
    (data / "events.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1, "x": "n/a"}\n'))
    for name in ("orders-2024-01", "orders-2024-02", "visits/a", "visits/2024/b"):
        (data / f"{name}.csv").write_text("id,x\n1,2\n")
    fsspec.filesystem("memory").pipe_file("/shop/parts/a.csv", b"id,x\n1,2\n")
    with xlsxwriter.Workbook(data / "prices.xlsx") as book:
        book.add_worksheet("2023")
        sheet = book.add_worksheet("2024")
        for i, row in enumerate([["Prices"], [], ["id", "price"], ["007", 1.5], ["Total", 1.5]]):
            sheet.write_row(i, 0, row)
    with sqlite3.connect(data / "shop.db") as shop:
        shop.execute("CREATE TABLE orders AS SELECT 7 AS id, 1.5 AS price, 1 AS paid")
    shop.close()


def test_the_blocks_of_the_page_give_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sources(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"InputPath": InputPath, "Secret": Secret}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(block, names)
    right = {
        "customers": [("007", "1,5")],
        "prices": [("007", 1.5)],
        "events": [(1, None)],
        "orders": [("1", "2", "orders-2024-01.csv"), ("1", "2", "orders-2024-02.csv")],
        "visits": [("1", "2"), ("1", "2")],
        "parts": [("1", "2")],
        "paid": [(7, 1.5)],
        "table": [(1, 0.5), (2, 1.5)],
    }
    assert {name: names[name].rows() for name in right} == right
