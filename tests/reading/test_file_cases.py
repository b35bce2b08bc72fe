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
    # samples
    "european_points.csv",
    "thousands_utf16.tsv",
    "lines_around.csv",
    "running_numbers.csv",
    "offsets.csv",
    "nearly_numbers.csv",
    "three_positives.csv",
    "mixed_dates.csv",
    # thousands point
    "decimal comma in another column",
    "all values marked, decimal comma in another column",
    "float contract, decimal comma in another column",
    "int contract leaves one reading",
    "float contract and no other evidence",
    "int contract and two whole readings",
    "short values without a mark beside marked ones",
    "one mark twice",
    "negative values",
    "the contract says decimal comma",
    "the reading says decimal comma",
    "three digits after a comma and no other evidence",
    # thousands in UTF-16
    "utf-16 with a mark",
    "utf-16-le without a mark",
    "utf-16-be with a mark",
    "utf-16-be without a mark",
    "utf-32 with a mark",
    "utf-32-le without a mark, stated",
    "windows line ends in utf-16",
    "int contract, all values marked",
    "semicolons in utf-16",
    "quoted thousands in a comma file with a mark of utf-8",
    "chinese names in utf-16",
    "indian grouping",
    "decimal point elsewhere in the file",
    # lines around
    "title, units and totals",
    "the same, stated",
    "a title that is not padded",
    "a blank line below the title",
    "facts above the header",
    "units in brackets",
    "totals in German",
    "totals without a word",
    "a note at the end",
    "a source at the end",
    "comments above and between",
    "comments, stated",
    "a delimiter at every end",
    "a delimiter at every end but that of the header",
    "blank lines between",
    "no header",
    "no header, stated",
    # running numbers
    "a running account",
    "clients in no order",
    "customers in German",
    "customers with several rows each",
    # offsets
    "offsets without a colon",
    "offsets with a colon",
    "summer and winter of one place",
    "offsets by contract",
    "offsets west of Greenwich, with fractions",
    "stamps of mails (RFC 2822)",
    "an offset over midnight changes the day",
    "zoned and naive in one column",
    "a stated zone",
    "a moment that daylight saving skips",
    # nearly numbers
    "dollars",
    "dollars by contract",
    "euros behind",
    "a code of a currency before",
    "a code of a currency behind",
    "pounds in windows-1252",
    "percent is in percent",
    "percent with a blank and a decimal comma",
    "percent by contract",
    "apostrophes",
    "typographic apostrophes and decimals",
    "brackets for negatives",
    "brackets, dollars and thousands",
    "minus before the dollar",
    "a trailing minus",
    "the minus of typography",
    "blanks between thousands",
    "no-break spaces",
    "thin spaces",
    "narrow no-break spaces",
    "underscores",
    "exponents with a decimal comma",
    "a unit that repeats",
    "a unit without a blank",
    # few positives
    "three of 300",
    "one of 120",
    "two in words",
    "three negatives",
    "four of 400 in truths",
    # dates in several forms
    "names of months, ISO and points",
    "the same by contract",
    "a comma in dates without quotes",
    "ISO and points",
    "long and short names of months",
    # dialects
    "single quotes",
    "single quotes, stated",
    "no quotes, stated",
    "colons, stated",
    "one column",
    "one column, stated",
    "line ends of old Macs and one of Unix",
    "gzipped",
    "gzipped tabs in utf-16",
    # encodings
    "polish, windows-1250",
    "czech, windows-1250",
    "russian, windows-1251",
    "mac roman",
    "shift-jis, stated",
    "latin-2, stated",
    "an encoding that does not fit",
    # nulls
    "missing values, stated",
    # types
    "a decimal in a column of whole numbers",
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
NOT_YET_BY_HAND = {
    "european_points.csv",
    "thousands_utf16.tsv",
    "lines_around.csv",
    "nearly_numbers.csv",
    "mixed_dates.csv",
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
    with pytest.raises((AssertionError, KeyError, NameError, MagicalError, pytest.fail.Exception)):
        check(ALL[name], tmp_path)


@pytest.mark.parametrize("file", BY_HAND)
def test_each_sample_is_read_right_by_a_contract_written_by_hand(tmp_path: Path, file: str) -> None:
    case = replace(ALL[file], contract=BY_HAND[file])
    if file not in NOT_YET_BY_HAND:
        assert read_case(case, tmp_path).columns == case.columns
        return
    with pytest.raises((AssertionError, MagicalError)):
        assert read_case(case, tmp_path).columns == case.columns


def test_each_kind_has_variants() -> None:
    counts = Counter(case.kind for case in CASES)
    assert all(counts[kind] >= 5 for kind in KINDS), counts
    assert len(ALL) == len(CASES) + len(SAMPLES) >= 75


def test_the_list_of_open_cases_names_cases() -> None:
    assert set(ALL) >= NOT_YET
