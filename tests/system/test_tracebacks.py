"""Below a message stand the author's own lines; the framework's only when asked for."""

import sys
from pathlib import Path

import pytest

from magical.errors import StepError
from magical.system.tracebacks import attach_trace, author_frames, format_frames, format_trace
from projects import Answer, Small


def fails(small: Small, body: str, *words: str) -> Answer:
    text = (small.root / "workflow.py").read_text()
    before, rest = text.split("    return table.height\n")
    small.write("workflow.py", before + body + rest)
    return small.command("run", *words)


def below(text: str) -> list[str]:
    """The lines below the hint, up to the run's own."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Hint:"))
    return [
        line
        for line in lines[first + 1 :]
        if (line.startswith("  ") and ".py:" in line) or line.startswith("    ")
    ]


def test_only_the_authors_lines_are_shown(small: Small) -> None:
    small.edit(
        "deep.py", "    return 1\n", "    import polars as pl\n    return pl.DataFrame({'a': [1]})['b']\n"
    )
    answer = fails(small, "    from deep import unrelated\n    return unrelated()\n")
    assert below(answer.out) == [
        "  workflow.py:54 in size",
        "    return unrelated()",
        "  deep.py:10 in unrelated",
        "    return pl.DataFrame({'a': [1]})['b']",
    ]
    assert "site-packages" not in answer.out
    assert "executor.py" not in answer.out


def test_the_rest_is_shown_when_asked_for(small: Small) -> None:
    answer = fails(small, "    return table['nope']\n", "--traceback")
    assert "Traceback (most recent call last)" in answer.out
    assert "executor.py" in answer.out
    assert "site-packages" in answer.out


def test_what_an_error_came_from_is_shown_briefly(small: Small) -> None:
    answer = fails(
        small,
        "    def f(n):\n        return {}['x'] if n == 0 else f(n - 1)\n"
        "    try:\n        f(9)\n    except KeyError as error:\n        raise ValueError('bad') from error\n",
    )
    assert below(answer.out) == [
        "  workflow.py:58 in size",
        "    raise ValueError('bad') from error",
        "  workflow.py:56 in size",
        "    f(9)",
        "  workflow.py:54 in f",
        "    return {}['x'] if n == 0 else f(n - 1)",
        "  workflow.py:54 in f",
        "    return {}['x'] if n == 0 else f(n - 1)",
    ]
    assert "  because of KeyError: 'x'\n" in answer.out
    assert "  … 8 more\n" in answer.out


def test_what_an_author_hides_stays_hidden(small: Small) -> None:
    answer = fails(
        small, "    try:\n        {}['x']\n    except KeyError:\n        raise ValueError('bad') from None\n"
    )
    assert below(answer.out) == ["  workflow.py:56 in size", "    raise ValueError('bad') from None"]


def test_endless_recursion_is_short(small: Small) -> None:
    answer = fails(small, "    def f(n):\n        return f(n + 1)\n    return f(1)\n")
    assert len(below(answer.out)) == 16
    assert "  … " in answer.out


@pytest.mark.parametrize("words", [["run"], ["plan"], ["show"], ["why", "size"], ["inspect", "size"]])
def test_importing_and_drawing_show_them_too(small: Small, words: list[str]) -> None:
    small.edit("deep.py", "FACTOR = 2\n", "def double(x):\n    return x / 0\n\n\nFACTOR = double(1)\n")
    answer = small.command(*words)
    assert answer.code == 1
    assert below(answer.err)[-4:] == [
        "  deep.py:5 in <module>",
        "    FACTOR = double(1)",
        "  deep.py:2 in double",
        "    return x / 0",
    ]
    assert "importlib" not in answer.err
    assert "importlib" in small.command(*words, "--traceback").err
    small.edit("deep.py", "x / 0", "2 * x")
    small.edit("workflow.py", "    return size(train)\n", "    return size(len(train))\n")
    assert below(small.command(*words).err)[-2:] == [
        "  workflow.py:60 in flow",
        "    return size(len(train))",
    ]


def test_a_wrong_call_shows_none(small: Small) -> None:
    answer = small.command("run", "clena")
    assert answer.err.splitlines()[-1].startswith("Hint: did you mean 'clean'?")


def test_an_error_from_another_process_brings_its_lines() -> None:
    error = StepError("clean failed.", hint="mend it.")
    error.__dict__.update(frames="  workflow.py:3 in clean", trace="Traceback …")
    assert format_frames(error) == "  workflow.py:3 in clean"
    assert format_trace(error) == "Traceback …"


def test_installed_and_own_files_are_told_apart(tmp_path: Path) -> None:
    files = {
        tmp_path / "workflow.py": True,
        tmp_path / ".venv/lib/python3.11/site-packages/x.py": False,
        Path(sys.modules["json"].__file__ or ""): False,
        Path(sys.modules["magical.errors"].__file__ or ""): False,
        Path("<frozen importlib._bootstrap>"): False,
        tmp_path / "magical_project.py": True,
    }
    for file, own in files.items():
        scope: dict[str, object] = {}
        exec(compile("def f():\n    raise ValueError(7)\n", str(file), "exec"), scope)
        with pytest.raises(ValueError, match="7") as caught:
            scope["f"]()  # type: ignore[operator]
        assert [f.filename for f in author_frames(caught.value)][1:] == ([str(file)] if own else []), file


def test_the_middle_of_a_huge_traceback_is_left_out() -> None:
    trace = format_trace(attach_trace(StepError("clean failed"), ValueError("x" * 1_000_000)))
    assert trace.startswith("ValueError: xxx")
    assert "\n… 980,012 characters more …\n" in trace
    assert len(trace) < 21_000


def test_a_comprehension_is_no_frame_of_its_own() -> None:
    def fail(word: str) -> None:
        raise ValueError(word)

    with pytest.raises(ValueError, match="a") as caught:
        [fail(word) for word in "ab"]
    assert [frame.name for frame in author_frames(caught.value)][-2:] == [
        "test_a_comprehension_is_no_frame_of_its_own",
        "fail",
    ]
