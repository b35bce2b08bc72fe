"""What is not real is struck through, and says so first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.brand import mark_not_real, strike_lines

STROKE = "\u0336"


def test_the_words_come_first_and_are_not_struck() -> None:
    assert mark_not_real("ab") == f"not real: a{STROKE}b{STROKE}"
    assert mark_not_real("") == "not real: "


def test_each_line_is_struck_and_lines_stay_lines() -> None:
    assert strike_lines("a\n\nbc\n") == f"a{STROKE}\n\nb{STROKE}c{STROKE}"
    assert strike_lines("a\r\nb") == f"a{STROKE}\nb{STROKE}"
    assert strike_lines("") == ""


@pytest.mark.parametrize("mark", [mark_not_real, strike_lines])
@given(text=st.text(st.characters(exclude_characters=STROKE, exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_nothing_is_lost_under_the_strokes(mark: object, text: str) -> None:
    assert callable(mark)
    marked = mark(text)
    assert marked.count(STROKE) == len(text)
    assert marked.replace(STROKE, "").removeprefix("not real: ") == text
