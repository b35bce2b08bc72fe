"""The page about testing: the files that it shows are a project whose tests pass."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def files() -> dict[str, str]:
    """Return the page's blocks of Python, by the file that their first line names."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return {re.match(r"# (\w+)\.py\n", b)[1]: b for b in blocks}  # type: ignore[index]


def test_each_example_has_a_file() -> None:
    assert sorted(files()) == ["conftest", "test_ours", "test_workflow", "workflow"]


@pytest.mark.slow_except("test_workflow-5")
@pytest.mark.parametrize(("name", "passes"), [("test_workflow", 5), ("test_ours", 60)])
def test_the_tests_on_the_page_pass(pytester: pytest.Pytester, name: str, passes: int) -> None:
    written = files()
    pytester.makepyfile(**{n: written[n] for n in ("conftest", "workflow", name)})
    result = pytester.runpytest_subprocess(
        "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "-q"
    )
    outcomes = result.parseoutcomes()
    assert outcomes.keys() == {"passed"}
    assert outcomes["passed"] >= passes
