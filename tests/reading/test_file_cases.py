"""Small files as people have them: each is read right, or refused with the true cause; none is read wrong."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from magical.errors import MagicalError
from projects import is_well_worded
from reading.case_reading import read_case
from reading.file_cases import CASES, SAMPLES, FileCase

ALL = {case.name: case for case in (*SAMPLES, *CASES)}
KINDS = (
    "thousands point",
    "thousands in UTF-16",
    "lines around",
    "running numbers",
    "offsets",
    "nearly numbers",
    "few positives",
    "dates in several forms",
)

NOT_YET = {
    "three digits after the point in a file with commas between the fields",
    "customers with several rows each",
}
"""Files that are not yet read right. One that is read right must leave the list."""


BY_HAND = {
    "european_points.csv": "nr: Id[int]\numsatz: int\nquote: float\nabo: Target[bool]",
    "thousands_utf16.tsv": "site: Id[int]\nvisits: int\nzone: str\nkept: Target[bool]",
    "lines_around.csv": "article: Id[str]\nweight: float\npieces: Target[int]",
    "running_numbers.csv": 'account: Id[int]\nplan: Literal["S", "M", "L"]\nmonths: int\nleft: Target[bool]',
    "offsets.csv": "id: Id[int]\nopened: Time[datetime]\nlate: Target[bool]",
    "nearly_numbers.csv": (
        "id: Id[int]\nprice: float\nshare: float\nstock: int\nbalance: float\nsold: Target[bool]"
    ),
    "three_positives.csv": "id: Id[int]\nx: float\nz: str\nfraud: Target[bool]",
    "mixed_dates.csv": "id: Id[int]\nwhen: Time[date]\nn: Target[int]",
}


def has_said(text: str, words: tuple[str, ...]) -> list[str]:
    """Return the words of which no alternative is said."""
    lower = text.lower()
    return [word for word in words if not any(w.lower() in lower for w in word.split("|"))]


def check(case: FileCase, folder: Path) -> None:
    if case.refused:
        with pytest.raises(MagicalError) as error:
            read_case(case, folder)
        assert has_said(str(error.value), case.refused) == [], str(error.value)
        assert is_well_worded(str(error.value)), str(error.value)
        return
    result = read_case(case, folder)
    for name, right in case.columns.items():
        values = result.columns[name]
        assert values == list(right), name
        assert kinds_of(values) == kinds_of(right), name
    more = {"fraud", "churned", "paid", "species", "defect"} if case.kind == "few positives" else set()
    assert set(result.columns) - more == set(case.columns) - more
    assert has_said(result.said, case.said) == [], result.said
    for name, kinds in case.roles.items():
        assert result.kinds[name].removesuffix("?") in kinds


def kinds_of(values: Any) -> set[type]:
    return {type(v) for v in values if v is not None}


@pytest.mark.parametrize("name", ALL)
def test_each_file_is_read_right_or_refused_with_the_true_cause(tmp_path: Path, name: str) -> None:
    if name not in NOT_YET:
        check(ALL[name], tmp_path)
        return
    with pytest.raises((AssertionError, MagicalError, pytest.fail.Exception)):
        check(ALL[name], tmp_path)


@pytest.mark.parametrize("file", BY_HAND)
def test_each_sample_is_read_right_by_a_contract_written_by_hand(tmp_path: Path, file: str) -> None:
    case = replace(ALL[file], contract=BY_HAND[file])
    assert read_case(case, tmp_path).columns == case.columns


def test_each_kind_has_variants() -> None:
    counts = Counter(case.kind for case in CASES)
    assert all(counts[kind] >= 5 for kind in KINDS), counts
    assert len(ALL) == len(CASES) + len(SAMPLES) >= 75


def test_the_list_of_open_cases_names_cases() -> None:
    assert set(ALL) >= NOT_YET
