"""Files that several steps write."""

from pathlib import Path

import pytest

from projects import one

TWO = """
@step
def left(report: OutputPath, n: int = 1) -> int:
    return n

class Paths(Settings):
    report: OutputPath = OutputPath("{other}")

class S(Settings):
    report: OutputPath = OutputPath("{path}")
    inner: Paths = Paths()

@step
def right(paths: Paths, n: int) -> int:
    return n

@workflow
def flow(s: S) -> int:
    return right(s.inner, left(s.report))
"""


@pytest.mark.parametrize(
    ("path", "other", "found"),
    [
        ("report.txt", "report.txt", ["left"]),
        ("report.txt", "sub/../report.txt", ["left"]),
        ("report.txt", "other.txt", []),
        ("reports", "reports", []),  # will be a folder
        ("a.folder", "a.folder", []),
        ("no_suffix", "no_suffix", ["left"]),
    ],
)
def test_a_file_that_two_steps_write_is_found(
    tmp_path: Path, path: str, other: str, found: list[str]
) -> None:
    small = one(tmp_path, TWO.format(path=path, other=other))
    small.write("no_suffix", "a file")
    small.write("a.folder/x", "")
    findings = [f for f in small.load().check() if f.code == "WIRE005"]
    assert [f.step for f in findings] == found
    assert all("so does right" in str(f) for f in findings)
