"""Tables that fit a terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from magical.report.terminal.fitted_table import fit_table, wrap_note

WIDE = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def test_seven_columns_fit_a_narrow_terminal() -> None:
    text = fit_table(["column name"] * 7, [["漢字漢字漢字"] * 7], [["漢字" * 40]], 40)
    assert max(map(cell_len, text.splitlines())) <= 40


@given(st.lists(st.tuples(WIDE, WIDE, WIDE), max_size=5), st.integers(40, 120))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    text = fit_table(["a", ">b", "c"], rows, [["a note " * 30, *row] for row in rows], width)
    assert max(map(cell_len, text.splitlines()), default=0) <= width
    assert all(line.isprintable() for line in text.split("\n"))


def test_a_long_cell_leaves_the_others_whole() -> None:
    text = fit_table(["name", "text"], [["a", "x" * 10_000], ["b", "y"]], [[], []], 30)
    assert text == "name  text\na     xxxxxxxxxxxxxxxxxxxxxxx…\nb     y"


def test_columns_without_any_cell_are_not_shown() -> None:
    assert fit_table(["a", "b"], [["1", ""]], [[]], 30) == "a\n1"


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = fit_table(["a"], [["\x1b[31mred\x9b0m\r\nnext"]], [["\x1b]0;title\x07"]], 60)
    assert "\x1b" not in text + "".join(wrap_note("\x1b[2J", 40))
    assert "\x9b" not in text
    assert "\r" not in text
