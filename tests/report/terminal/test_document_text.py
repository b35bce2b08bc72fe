"""Documents as text: nothing is wider than the terminal, and nothing is left out in silence."""

from __future__ import annotations

from rich.cells import cell_len

from magical.report.terminal.document_text import document_text
from magical.views.document import (
    Axis,
    Bars,
    Block,
    Chart,
    Code,
    Details,
    Document,
    Facts,
    Line,
    Paragraph,
    Section,
    Table,
)

AXIS = Axis("rows")
BLOCKS: tuple[Block, ...] = (
    Paragraph("a warning " * 12, "warning"),
    Facts((("state", "fresh"), ("a long value", "word " * 30))),
    Table(tuple(f"c{i}" for i in range(30)), (tuple(range(30)), (None,) * 30), "numbers", "test"),
    Table(("name", "share"), (("größe\x1b[31m", 0.123456), ("<b>", None)), part="validation"),
    Chart("age", "Most are young.", Axis("age"), AXIS, (Bars(((0, 10, 4), (10, 20, 8), (20, 30, 0))),)),
    Chart("by class", "Few are true.", Axis("c", ("no", "yes")), AXIS, (Bars(((0, 1, 90), (1, 2, 10))),)),
    Chart("roc", "The curve is steep.", AXIS, AXIS, (Line(((0, 0), (1, 1))),), "test"),
    Details("Histograms", (Paragraph("hidden"),)),
)


def test_every_kind_of_block_has_its_text() -> None:
    document = Document(
        "clean", "of run-1", (Section("s", "All", BLOCKS), Section("x", "Lost", failure="no file"))
    )
    text = document_text(document, 72)
    assert all(cell_len(line) <= 72 for line in text.splitlines())
    for part in (
        "clean\nof run-1\n",
        "! a warning",
        "state         fresh\na long value  word",
        "numbers (test)",
        "and 14 more columns: c16, c17",
        "größe [31m  0.1235\n<b>",
        "0 ▄█  30\n  Most are young.",
        "  no   ████████████████████████  90",
        "roc (test)\n  The curve is steep.",
        "▸ Histograms (on the page)",
        "✗ This could not be built: no file",
    ):
        assert part in text, part
    assert "hidden" not in text
    assert "not real" not in text


def test_origin_marks_the_whole_and_code_is_not_wrapped() -> None:
    command = f"magical run {'x' * 80}"
    document = Document("d", sections=(Section("s", "S", (Code(command),)),), origin=("ingest",))
    text = document_text(document, 40)
    assert "✗ It is not real: it stands on ingest." in text
    assert command in text
