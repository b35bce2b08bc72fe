"""The loop of a batch: limits, counts, and what each chunk adds."""

import pytest

from magical.errors import UsageError
from magical.library.scoring.batch import RejectLimit


@pytest.mark.parametrize(
    ("text", "rejected", "rows", "allows"),
    [
        ("1%", 2, 3, True),  # two always may: one bad row of a few costs nothing
        ("1%", 3, 299, False),
        ("1%", 3, 300, True),
        ("0%", 1, 1000, False),
        ("100%", 9, 10, True),
        ("0", 1, 1000, False),
        ("20", 20, 21, True),
        ("20", 21, 10**9, False),
        (20, 21, 10**9, False),
    ],
)
def test_a_share_lets_two_rows_pass_and_a_number_is_exact(
    text: str | int, rejected: int, rows: int, allows: bool
) -> None:
    assert RejectLimit.parse(text).allows(rejected, rows) is allows


def test_a_share_is_shown_in_percent_and_a_number_as_it_is() -> None:
    assert [str(RejectLimit.parse(text)) for text in ("1%", "0.5%", "2000")] == ["1%", "0.5%", "2,000"]


@pytest.mark.parametrize("text", ["", "%", "-1", "-1%", "101%", "2.5", "nan", "inf", "many"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--max-rejects"):
        RejectLimit.parse(text)
