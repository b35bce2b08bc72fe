"""The pages on errors are complete, and what they quote is what the code prints."""

import doctest
import re
import subprocess
from pathlib import Path

import pytest

import magical.errors
from magical.errors import MagicalError
from projects import NO_TRACKING, Small
from snapshots import fits

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "errors"
CLASSES = {
    n: c for n, c in vars(magical.errors).items() if isinstance(c, type) and issubclass(c, MagicalError)
}
SOURCES = sorted((ROOT / "src").rglob("*.py"))
CODES = {
    code
    for file in SOURCES
    for code in re.findall(r"Finding\(\s*\"([A-Z]+\d+)\"", file.read_text(encoding="utf-8"))
}
NAMES = sorted({*CLASSES, *CODES})


def blocks(name: str, kind: str) -> list[str]:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


def row(name: str) -> list[str]:
    lines = (PAGES / "README.md").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if f"[{name}]({name}.md)" in line]
    assert len(found) == 1, f"{name} is {len(found)} times in the list"
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def test_there_is_a_page_for_each_and_no_other() -> None:
    assert {p.stem for p in PAGES.glob("*.md")} - {"README"} == set(NAMES)
    assert {"LEAK001", "WIRE001", "WIRE002"} <= CODES


@pytest.mark.parametrize("name", CLASSES)
def test_the_list_says_of_each_error_what_the_code_says(name: str) -> None:
    first, _, code = row(name)
    cls = CLASSES[name]
    assert int(code) == cls.exit_code
    assert first.startswith("├") == (cls.__base__ is not MagicalError and cls is not MagicalError)


@pytest.mark.parametrize("name", sorted(CODES))
def test_the_list_has_each_finding_with_its_severity(name: str) -> None:
    severity = row(name)[1]
    assert any(re.search(rf'"{name}",\s*"{severity}"', file.read_text(encoding="utf-8")) for file in SOURCES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_to_do_next_and_is_short(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}")
    assert "**What to do next:**" in text
    assert max(map(len, text.splitlines())) <= 160
    words = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    assert len(words.splitlines()) <= 25
    assert blocks(name, "text") or blocks(name, "pycon")


def said(small: Small, line: str) -> str:
    """Run one line of a console block in the project."""
    words = line.removeprefix("$ ").split()
    if words[0] == "magical":
        answer = small.command(*words[1:])
        return answer.err + answer.out
    subprocess.run(line.removeprefix("$ "), shell=True, check=True, cwd=small.root)
    return ""


@pytest.mark.slow_except("StoreError")
@pytest.mark.parametrize("name", NAMES)
def test_the_example_prints_what_the_page_quotes(name: str, tmp_path: Path) -> None:
    small = Small(tmp_path / "project")
    for code in blocks(name, "python")[:1]:
        small.write("workflow.py", code)
    small.write("settings.toml", "\n".join(blocks(name, "toml")) or NO_TRACKING)
    out = "".join(said(small, line) for block in blocks(name, "console") for line in block.splitlines())
    for text in blocks(name, "text"):
        assert fits(f"<...>{text}<...>", out.replace(str(small.root), "PROJECT")), out
    if name in CLASSES and blocks(name, "text"):
        assert re.search(r"^Hint: ", blocks(name, "text")[0], re.M)
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(page, {}, name, f"{name}.md", 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


@pytest.mark.parametrize("name", [n for n in sorted(CODES) if len(blocks(n, "python")) > 1])
def test_the_second_example_of_a_page_repairs_the_first(name: str, tmp_path: Path) -> None:
    small = Small(tmp_path / "project")
    small.write("settings.toml", NO_TRACKING)
    small.write("workflow.py", blocks(name, "python")[1])
    out = "".join(said(small, line) for block in blocks(name, "console") for line in block.splitlines())
    assert "campaign: " in out, out
    assert name not in out


def test_the_page_on_secrets_shows_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "in-the-environment")
    text = (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8")
    small = Small(tmp_path / "project")
    small.write("workflow.py", re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)[0])
    small.write("settings.toml", NO_TRACKING)
    answer = small.command("run")
    assert "reader, whose password has 18 characters" in answer.out
    assert "postgresql://reader:***@db/sales" in answer.err
