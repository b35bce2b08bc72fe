"""A file that was written from what is not real brands whoever reads it, in the same run or a later one."""

from pathlib import Path

import pytest

from magical.engine.file_brands import FileBrands
from projects import NO_TRACKING, Small

FLOW = """\
from pathlib import Path

from magical import InputPath, OutputPath, Receipt, step, workflow

ROWS


@step
def export(rows: int, file: OutputPath) -> int:
    file.write_text(f"{rows} rows")
    return rows


@step
def choose() -> OutputPath:
    return OutputPath(Path("out.csv").absolute())


@step
def export_chosen(rows: int, file: Path) -> int:
    file.write_text(f"{rows} rows")
    return rows


@step
def read(file: InputPath) -> str:
    return file.read_text()


@step
def after(text: str, written: int = 0) -> int:
    return len(text)


@step(writes="world")
def publish(size: int) -> Receipt:
    return Receipt(True, "published")


@workflow
def flow() -> list:
    return [RESULT]
"""
UNWRITTEN = "@step\ndef rows() -> int: ..."
WRITTEN = "@step\ndef rows() -> int:\n    return 7"
READS = "publish(after(read(InputPath('out.csv'))))"
WRITES = "export(rows(), OutputPath('out.csv'))"
WRITES_CHOSEN = "export_chosen(rows(), choose())"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.chdir(tmp_path)
    found = Small(tmp_path)
    found.write("settings.toml", NO_TRACKING)
    return found


def draw(small: Small, rows: str, result: str) -> None:
    small.write("workflow.py", FLOW.replace("ROWS", rows).replace("RESULT", result))


@pytest.mark.parametrize("result", [f"{WRITES}, {READS}", f"{READS}, {WRITES}"], ids=["before", "after"])
def test_the_reader_of_a_file_that_a_pretended_step_would_write_is_branded(small: Small, result: str) -> None:
    small.write("out.csv", "of an earlier run")
    draw(small, UNWRITTEN, result)
    run = small.run()
    assert run.origin("read") == run.origin("after") == ("export", "rows")
    assert small.load().plan()["publish"].reason == "it stands on export, rows"
    draw(
        small, WRITTEN, WRITES
    )  # alone: no link orders the reader, so it might read a file that is being written
    small.run()
    draw(small, WRITTEN, result)
    run = small.run()
    assert run.origin("after") == ()
    assert run["publish"].done


def test_a_real_writer_brands_nobody(small: Small) -> None:
    draw(small, WRITTEN, WRITES)
    small.run()
    draw(small, WRITTEN, f"{WRITES}, {READS}")
    assert small.run().origin("read") == ()
    assert not (small.root / ".magical" / "brands").exists()


def test_a_file_in_a_folder_that_a_pretended_step_would_write(small: Small) -> None:
    small.write("out/a.csv", "x")
    draw(small, UNWRITTEN, "export(rows(), OutputPath('out')), read(InputPath('out/a.csv'))")
    assert small.run().origin("read") == ("export", "rows")


def test_a_file_of_an_earlier_run_is_branded_until_its_content_changes(small: Small) -> None:
    draw(small, UNWRITTEN, WRITES_CHOSEN)
    assert small.run().origin("export_chosen") == ("rows",)
    assert (small.root / "out.csv").exists()
    draw(small, WRITTEN, READS)
    run = small.run()
    assert run.origin("read") == run.origin("after") == ("rows",)
    assert small.load().plan()["publish"].reason == "it stands on rows"
    assert small.run().executed == []
    small.write("out.csv", "by hand")
    run = small.run()
    assert run.origin("after") == ()
    assert run["publish"].done


def test_a_real_step_takes_the_brand_off_though_it_writes_the_same(small: Small) -> None:
    draw(small, UNWRITTEN, WRITES_CHOSEN)
    number = int(small.run()["rows"])
    draw(small, WRITTEN.replace("7", str(number)), WRITES_CHOSEN)
    before = (small.root / "out.csv").read_text()
    small.run()
    assert (small.root / "out.csv").read_text() == before
    draw(small, WRITTEN, READS)
    assert small.run().origin("read") == ()


def test_a_file_that_is_branded_in_a_run_brands_who_reads_it_later_in_this_run(small: Small) -> None:
    small.write("out.csv", "of an earlier run")
    small.write("settings.toml", NO_TRACKING + "[policy]\nworkers = 1\n")  # in the order of drawing
    draw(small, UNWRITTEN, f"{WRITES_CHOSEN}, {READS}")
    run = small.run()
    assert run["read"].endswith("rows")
    assert run.origin("read") == run.origin("after") == ("rows",)
    assert small.load().plan()["publish"].reason == "it stands on rows"


def test_a_body_that_fails_half_way_brands_what_it_wrote(small: Small) -> None:
    draw(small, UNWRITTEN, WRITES_CHOSEN)
    text = (small.root / "workflow.py").read_text()
    head, tail = text.split("def export_chosen", 1)
    small.write(
        "workflow.py", f"{head}def export_chosen{tail.replace('return rows', 'raise ValueError(rows)', 1)}"
    )
    small.fails()
    draw(small, WRITTEN, READS)
    assert small.run().origin("read") == ("rows",)


def test_a_replay_brands_what_it_writes(small: Small) -> None:
    draw(small, "from magical import wish\n" + WRITTEN, f"{WRITES}, wishing(OutputPath('wish.csv'))")
    small.edit(
        "workflow.py",
        "@step\ndef read(",
        "@step\ndef wishing(file: OutputPath) -> int:\n"
        "    return file.write_text(str(wish(float)))\n\n\n@step\ndef read(",
    )
    small.run()
    assert not (small.root / "wish.csv").exists(), "it was left out"
    small.command("replay", "last", "wishing")
    draw(small, WRITTEN, READS.replace("out.csv", "wish.csv"))
    assert small.run().origin("read") == ("wishing",)


def test_a_folder_is_branded_file_by_file(tmp_path: Path) -> None:
    folder, brands = tmp_path / "out", FileBrands(tmp_path / "brands")
    folder.mkdir()
    for name in "ab":
        (folder / name).write_text(name)
    brands.brand([folder], ("rows",))
    (folder / "b").write_text("real")
    assert [brands.find(folder / name) for name in "abc"] == [("rows",), (), ()]
    brands.brand([folder / "a"], ())
    assert brands.find(folder / "a") == ()


def test_a_damaged_brand_is_none(tmp_path: Path) -> None:
    file, brands = tmp_path / "a", FileBrands(tmp_path / "brands")
    file.write_text("a")
    brands.brand([file], ("rows",))
    next((tmp_path / "brands").iterdir()).write_text("{")
    assert brands.find(file) == ()
