"""The verb show: what it draws, where it writes, and how it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from projects import ALL, Small, command, flow, is_well_worded


@pytest.fixture
def done(small: Small) -> Small:
    small.run()
    return small


def test_in_the_terminal(done: Small) -> None:
    assert done.command("show").out.splitlines() == [
        "flow: 5 steps, 5 fresh",
        "",
        "data",
        "  =  raw    fresh               → Frame",
        "  =  model  fresh  ← raw        → Frame[Customer]",
        "  =  clean  fresh  ← model      → customers: Frame[Customer]",
        "  =  split  fresh  ← customers  → train: Frame[Customer]",
        "",
        "judging",
        "  =  size   fresh  ← train      → int",
    ]


def test_as_mermaid(done: Small) -> None:
    out = done.command("show", "--mermaid").out
    assert out.startswith("flowchart TD\n    subgraph data\n")
    assert 's2["clean<br/><small>fresh</small>"]:::fresh --> d2(["customers<br/>Frame[Customer]"])' in out


def test_as_json(done: Small) -> None:
    answer = done.command("show", "--json", "max_id=11").json
    assert answer["states"]["clean"] == "stale"
    assert answer["groups"] == {**dict.fromkeys(ALL, "data"), "size": "judging"}
    assert (answer["origin"], answer["notes"]) == ({}, [])
    sampled = done.command("show", "--json", "--sample", "20").json
    assert sampled["origin"]["size"] == ["raw (sample)"]


def test_as_a_page_beside_the_store(done: Small) -> None:
    answer = done.command("show", "--html")
    page = done.root / ".magical" / "show.html"
    assert answer.out == f"flow is drawn in {page}.\n"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert done.command("show", "--html", "--json").json == {"file": str(page)}


def test_as_a_page_in_a_file(done: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert done.command("show", "--html", "pages/mine.html").out == "flow is drawn in pages/mine.html.\n"
    assert ">customers</text>" in (tmp_path / "pages" / "mine.html").read_text(encoding="utf-8")


def test_a_setting_behind_html_is_no_file(done: Small) -> None:
    assert done.command("show", "--html", "max_id=11").code == 0
    page = (done.root / ".magical" / "show.html").read_text(encoding="utf-8")
    assert "▶ stale" in page


def test_a_page_that_cannot_be_written(done: Small) -> None:
    answer = done.command("show", "--html", str(done.root))
    assert answer.code == 1
    assert is_well_worded(answer.err.strip())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--html", "--mermaid"], "--html and --mermaid are two answers."),
        (["clean"], "show draws the whole workflow, not 'clean'."),
        (["clean", "split"], "2 steps were named"),
        (["max_ib=3"], "max_ib"),
    ],
)
def test_a_wrong_call(small: Small, words: list[str], said: str) -> None:
    answer = small.command("show", *words)
    assert answer.code == 2
    assert said in answer.err
    assert is_well_worded(answer.err.strip())


def test_a_terminal_gets_colour_and_its_own_width(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="pseudo-terminals are for POSIX")
    small = flow(tmp_path / "p")
    script = "import sys; from magical.cli import main; sys.argv = ['magical', 'show', '--project', sys.argv[1]]; main()"
    seen = {}
    for name, environment in {"plain": {"NO_COLOR": "1"}, "colour": {}}.items():
        reader, writer = pty.openpty()
        keep = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        with subprocess.Popen(
            [sys.executable, "-c", script, str(small.root)],
            stdout=writer,
            env={**keep, "COLUMNS": "30", "TERM": "xterm", **environment},
        ) as process:
            os.close(writer)
            said = b""
            try:
                while part := os.read(reader, 65536):
                    said += part
            except OSError:  # Linux says so where the other side has closed
                pass
            assert process.wait() == 0
        os.close(reader)
        seen[name] = said.decode()
    assert "\x1b[" not in seen["plain"]
    assert max(map(len, seen["plain"].splitlines())) <= 30
    assert "\x1b[36m" in seen["colour"]


def test_it_is_listed_where_it_was() -> None:
    assert command("show", "--help").code == 0
    assert "\n  plan " in command("--help").out.partition("\n  run ")[2].partition("\n  show ")[0]
