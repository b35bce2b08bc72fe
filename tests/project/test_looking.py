"""A look at a file before any project exists: by a call, and by the command."""

import gzip
import json
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.cells import cell_len

import magical
from magical.errors import InputError
from magical.library import Reading
from projects import command, python
from snapshots import check

CUSTOMERS = (
    "ID;Income;Joined;Plan;Code;Same;Left\n"
    + "".join(
        f"{i};{i * 10 + 0.5:.1f};2024-01-{i % 28 + 1:02};{'basic' if i % 3 else 'gold'};"
        f"{'n/a' if i == 7 else f'K-{i}'};x;{i % 2}\n"
        for i in range(1, 41)
    )
).replace(";20.5;", ";;")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS)
    return path


def columns(answer: Any) -> dict[str, Any]:
    return {c["name"]: c for c in answer.json["columns"]}


def test_the_text_of_a_file(file: Path) -> None:
    answer = command("look", "customers.csv")
    assert answer.code == 0, answer
    check("look", "a file", answer.out.rstrip())


def test_each_column_in_json(file: Path) -> None:
    answer = command("look", "customers.csv", "--json")
    seen = columns(answer)
    assert list(seen) == ["id", "income", "joined", "plan", "code", "same", "left"]
    assert (seen["id"]["type"], seen["id"]["role"], seen["id"]["raw"]) == ("Id[int]", "id", "ID")
    assert seen["id"]["evidence"] == "different in each of 40 rows"
    assert (seen["income"]["type"], seen["income"]["nulls"], seen["income"]["distinct"]) == (
        "float | None",
        1,
        39,
    )
    assert (seen["income"]["low"], seen["income"]["high"]) == ("10.5", "400.5")
    assert seen["plan"]["choices"] == ["basic", "gold"]
    assert seen["plan"]["examples"] == ["basic", "gold"]
    assert seen["same"]["left_out"] == "it is 'x' in every row"
    assert (answer.json["rows"], answer.json["seen_rows"]) == (40, 40)
    assert answer.json["line"] == "ingest(s.source)"


def test_it_writes_nothing_and_needs_no_project(file: Path) -> None:
    before = {p: p.read_bytes() for p in file.parent.rglob("*")}
    done = python("-m", "magical.cli", "look", "customers.csv", cwd=str(file.parent))
    assert (done.returncode, done.stderr) == (0, "")
    assert {p: p.read_bytes() for p in file.parent.rglob("*")} == before


def test_numbers_but_for_a_few_are_a_doubt(file: Path) -> None:
    rows = [*map(str, range(1000, 1040)), "lots"]
    file.write_text("amount;kept\n" + "".join(f"{v};{i % 2}\n" for i, v in enumerate(rows)))
    (amount, _) = command("look", "customers.csv", "--json").json["columns"]
    assert amount["doubts"] == ["numbers but for 1 of 41 values: 'lots'"]
    assert "! numbers but for 1 of 41 values: 'lots'" in command("look", "customers.csv").out


def test_what_the_author_says_ends_in_the_line_to_write(file: Path) -> None:
    answer = command("look", "customers.csv", "decimal=,", "nulls=-,n/a", "delimiter=tab", "header=1")
    line = "In the project: ingest(s.source, Reading("
    assert line in answer.out
    (said,) = (x for x in answer.out.splitlines() if x.startswith(line))
    reading = eval(said.partition("ingest(s.source, ")[2][:-1], {"Reading": Reading})
    assert reading == Reading(header=1, delimiter="\t", decimal=",", nulls=("-", "n/a"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["customers.csv", "headr=3"], "did you mean 'header'"),
        (["customers.csv", "header=top"], "header"),
        (["customers.csv", "header=-1"], "header"),
        (["customers.csv", "decimal=;"], "decimal"),
        (["customers.csv", "header"], "header"),
        (["customers.csv", "--shet", "x"], "--sheet"),
        ([], "FILE"),
    ],
)
def test_a_wrong_call_ends_in_2(file: Path, words: list[str], said: str) -> None:
    answer = command("look", *words)
    assert answer.code == 2, answer
    assert said in answer.err
    assert "Hint: " in answer.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nowhere.csv", None),
        ("empty.csv", b""),
        ("head.csv", b"a,b\n"),
        ("bad.parquet", b"PAR1 no"),
        ("x.csv", b"a\0"),
    ],
)
def test_a_file_that_cannot_be_read_ends_in_1(file: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (file.parent / name).write_bytes(content)
    answer = command("look", name)
    assert answer.code == 1, answer
    assert name in answer.err
    assert "Hint: " in answer.err
    assert command("look", name, "--json").json["error"]["kind"] == "InputError"


def test_hostile_cells_and_names_reach_the_terminal_as_text(file: Path) -> None:
    cell = "\x1b[31m<b>&[red]" + "x" * 10_000
    pl.DataFrame({"\x1b]0;t\x07": [cell, "b"] * 20, "left": [0, 1] * 20}).write_parquet("hostile.parquet")
    answer = command("look", "hostile.parquet")
    assert answer.code == 0, answer
    assert "\x1b" not in answer.out
    assert "\x07" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 100
    assert "\x1b" not in command("look", "hostile.parquet", "--json").out
    page = magical.look("hostile.parquet")._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_500_columns_stay_readable(file: Path) -> None:
    names = [f"a_rather_long_name_of_a_column_{i}" for i in range(500)]
    pl.DataFrame({n: [i, *[i + 1, None][:: 1 - i % 2 * 2]] * 5 for i, n in enumerate(names)}).write_csv(
        "wide.csv"
    )
    answer = command("look", "wide.csv")
    lines = answer.out.splitlines()
    assert max(map(cell_len, lines)) <= 100
    assert all(any(line.startswith(n[:12]) for line in lines) for n in names[:3])
    assert sum("int | None" in line or "bool | None" in line for line in lines) == 500


def test_a_large_file_is_seen_in_part_and_that_is_said(file: Path) -> None:
    pl.DataFrame({"n": [*range(900), "late"], "k": [0, 1, 2] * 300 + [1]}, strict=False).with_columns(
        pl.col("n").cast(pl.String)
    ).write_csv("large.csv")
    seen = magical.look("large.csv", max_rows=100)
    assert (seen.rows, seen.seen_rows) == (901, 100)
    assert "901 rows, 100 of them looked at" in str(seen)
    assert "looked at" not in str(magical.look("large.csv"))
    assert magical.look("large.csv", max_rows=None).seen_rows == 901


def test_parquet_keeps_its_types(file: Path) -> None:
    pl.DataFrame({"id": [1, 2, 3], "tags": [["a"], ["b"], []], "raw": [b"a", b"b", b"c"]}).write_parquet(
        "x.parquet"
    )
    seen = {c.name: c for c in magical.look("x.parquet").columns}
    assert seen["id"].type == "Id[int]"
    assert seen["tags"].left_out == "a List, which no feature is made of"
    assert seen["tags"].examples == ("['a']", "['b']", "[]")


def test_a_call_gives_an_object_that_shows_itself(file: Path) -> None:
    seen = magical.look(file)
    assert " ".join(str(seen).split()).startswith(f"{file}: 40 rows, 7 columns")  # it breaks lines
    assert "<td>income</td>" in seen._repr_html_()
    assert json.loads(json.dumps(seen.to_json()))["source"] == str(file)
    with pytest.raises(InputError, match="There is no file"):
        magical.look("nowhere.csv")


def test_every_kind_of_source_is_looked_at(file: Path) -> None:
    table = pl.DataFrame({"id": [1, 2, 3, 4], "kind": ["a", "b", "a", "b"]})
    (file.parent / "one.csv.gz").write_bytes(gzip.compress(table.write_csv().encode()))
    table.write_json("two.json")
    table.write_ndjson("three.jsonl")
    (file.parent / "many").mkdir()
    table.write_csv("many/a.csv")
    table.with_columns(id=pl.col("id") + 4).write_csv("many/b.csv")
    for source, rows in {
        "one.csv.gz": 4,
        "two.json": 4,
        "three.jsonl": 4,
        "many": 8,
        "many/*.csv": 8,
    }.items():
        answer = command("look", source, "--json")
        assert answer.code == 0, answer
        assert answer.json["rows"] == rows, source
        assert columns(answer)["id"]["type"] == "Id[int]", source
    named = columns(command("look", "many", "file_column=month", "--json"))
    assert named["month"]["examples"] == ["a.csv", "b.csv"]


def test_a_sheet_is_named_by_an_option(file: Path) -> None:
    pytest.importorskip("fastexcel")
    with pytest.importorskip("xlsxwriter").Workbook("book.xlsx") as book:
        for name, column in (("First", "a"), ("Second", "b")):
            sheet = book.add_worksheet(name)
            sheet.write_column(0, 0, [column, 1, 2])
    assert list(columns(command("look", "book.xlsx", "--json"))) == ["a"]
    answer = command("look", "book.xlsx", "--sheet", "Second")
    assert 'Reading(sheet="Second")' in answer.out
    assert list(columns(command("look", "book.xlsx", "sheet=Second", "--json"))) == ["b"]


@pytest.mark.slow
def test_the_next_command_repeats_what_was_said_and_works(file: Path) -> None:
    Path("shop.csv").write_text(
        "made by hand\nid|size|late\n" + "".join(f"{i}|{i % 7}|{i % 2}\n" for i in range(60))
    )
    answer = command("look", "shop.csv", "header=2", "delimiter=|")
    line = answer.out.splitlines()[-1]
    assert line == "Next: magical new NAME --data shop.csv --target late header=2 'delimiter=|'"
    made = command(*shlex.split(line.replace("NAME", "shop"))[2:])
    assert made.code == 0, made
    flow = Path("shop/workflow.py").read_text()
    assert '    reading: Reading = Reading(header=2, delimiter="|")\n' in flow
    assert "model_data(ingest(s.source, s.reading), Shop)" in flow
    project = magical.load("shop")
    assert not [f for f in project.check() if f.severity == "error"]
    assert project.run("model_data")["model_data"].height == 60


def test_a_pattern_is_no_file_for_a_new_project(file: Path) -> None:
    Path("many").mkdir()
    Path("many/a.csv").write_text("id,x\n1,2\n2,3\n")
    assert "Next:" not in command("look", "many/*.csv").out
    assert "Next: magical new NAME --data many" in command("look", "many").out


@pytest.mark.parametrize("words", [["look", "d.txt"], ["new", "shop", "--data", "d.txt", "--target", "b"]])
def test_a_hint_that_names_an_option_says_it_for_the_command_line(file: Path, words: list[str]) -> None:
    Path("d.txt").write_text("".join(f"{i} {i % 3} {i / 7:.2f}\n" for i in range(30)))
    answer = command(*words)
    assert answer.code == 1
    assert answer.err.endswith("Reading(delimiter=' '); on the command line, 'delimiter= '.\n"), answer


def test_a_table_in_memory_is_looked_at() -> None:
    seen = magical.look(pl.DataFrame({"id": [1, 2, 3]}))
    assert str(seen).startswith("The table: 3 rows, 1 column")
    assert "magical new" not in str(seen)


def test_lines_that_are_no_rows_are_said_with_the_line_that_settles_them(file: Path) -> None:
    rows = "".join(f"A{i},{i * 1.5},{i}\n" for i in range(40))
    total = f"Total,{sum(i * 1.5 for i in range(40))},{sum(range(40))}\n"
    file.write_text(f"Stock list,,\nprinted 2024-03-01,,\narticle,weight,pieces\n,kg,pcs\n{rows}{total}")
    answer = command("look", "customers.csv")
    check("look", "lines around", answer.out.rstrip())
    said = ["header=3", "skip_after_header=1", "skip_footer=1"]
    settled = command("look", "customers.csv", *said)
    assert "!" not in settled.out
    assert settled.out.splitlines()[-2] == (
        "In the project: ingest(s.source, Reading(header=3, skip_after_header=1, skip_footer=1))"
    )
    assert columns(command("look", "customers.csv", *said, "--json")) == columns(
        command("look", "customers.csv", "--json")
    )


def test_a_target_of_hardly_any_positives_is_a_doubt(file: Path) -> None:
    file.write_text("x;fraud\n" + "".join(f"{i * 7 % 91}.5;{int(i < 3)}\n" for i in range(300)))
    (_, fraud) = command("look", "customers.csv", "--json").json["columns"]
    assert fraud["doubts"][0].startswith("fraud is 1 in 3 of 300 rows")


def test_new_is_proposed_for_files_that_it_takes(file: Path) -> None:
    assert f"Next: magical new NAME --data {file.name}" in command("look", file.name).out
    assert "magical new" not in command("look", "cust*.csv").out
