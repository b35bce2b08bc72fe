"""Date formats that are inferred from texts."""

import pytest

from magical.reading.date_parsing import infer_date_format


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["29-06-2014", "01-07-2014"], "%d-%m-%Y"),
        (["06/29/2014", "07/01/2014"], "%m/%d/%Y"),
        (["29.06.2014"], "%d.%m.%Y"),
        (["29 Jun 2014"], "%d %b %Y"),
        (["29-06-2014", "06/29/2014"], ""),
        (["soon"], ""),
        ([], ""),
    ],
)
def test_a_format_is_guessed_only_if_it_reads_all(texts: list[str], expected: str) -> None:
    assert infer_date_format(texts) == expected
