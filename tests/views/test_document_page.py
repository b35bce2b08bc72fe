"""Documents as HTML: well-formed, escaped and without equal ids, whatever they are about."""

import re
from html import unescape
from pathlib import Path

from hypothesis import example, given

from magical.views.document import (
    Axis,
    Bars,
    Block,
    Cells,
    Chart,
    Code,
    Details,
    Document,
    Dots,
    Facts,
    Paragraph,
    Section,
    Table,
)
from magical.views.document_page import render_document, render_fragment, write_document
from views.documents import NASTY_TEXTS, documents
from views.test_page import Reader

TAGS = {
    "html",
    "head",
    "meta",
    "link",
    "title",
    "style",
    "body",
    "header",
    "h1",
    "h2",
    "nav",
    "ol",
    "li",
    "a",
    "main",
    "section",
    "p",
    "b",
    "strong",
    "span",
    "dl",
    "dt",
    "dd",
    "pre",
    "code",
    "div",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "figcaption",
    "details",
    "summary",
    "svg",
    "g",
    "path",
    "rect",
    "text",
}


def everything(text: str) -> Document:
    """A document that has one text everywhere."""
    axis = Axis(text, (text, text))
    marks = Bars(((0, 1, 1), (1, 2, 2)), text), Dots(((0.5, 1),), text), Cells(((1.0, None),), text)
    inner = Paragraph(text, "bad"), Facts(((text, text),)), Code(text), Table((text,), ((text,),), text, text)
    charts = [Chart(text, text, axis, Axis(text), (mark,), text) for mark in marks]
    shown: tuple[Block, ...] = (*inner, *charts, Details(text, inner))
    return Document(text, text, tuple(Section(text, text, shown, text) for _ in range(3)), (text,))


@given(documents)
@example(everything(NASTY_TEXTS[0]))
@example(everything(NASTY_TEXTS[4]))
def test_any_document_is_well_formed_and_escaped(document: Document) -> None:
    for text in (render_document(document), render_fragment(document)):
        text.encode()
        reader = Reader(text)
        assert {tag for tag, _ in reader.tags} <= TAGS
        assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
        ids = [a["id"] for _, a in reader.tags if "id" in a]
        assert len(set(ids)) == len(ids)
        addresses = [a["href"] or "" for _, a in reader.tags if "href" in a]
        assert all(a == "data:," or a[1:] in ids for a in addresses)
        drawn = "".join(re.findall(r'(?: d| x| y| width| height)="([^"]*)"', text))
        assert not re.search("nan|inf", drawn)


def test_a_page_has_every_text_of_its_document() -> None:
    text = '"q" <b> & \''
    page = render_document(everything(text))
    assert page.count("&quot;q&quot; &lt;b&gt; &amp; &#x27;") > 40
    assert text in unescape(page)
    assert text not in page


def test_pages_of_many_columns_and_steps_stay_small() -> None:
    names = tuple(f"a_rather_long_name_of_a_column_{i}" for i in range(500))
    columns = Table(("column", "type", ">nulls", ">mean"), tuple((n, "float", 3, 0.12345) for n in names))
    bars = Bars(tuple((i, i + 1, i % 7) for i in range(20)))
    histograms = Details("Histograms", tuple(Chart(n, "", Axis(n), Axis("rows"), (bars,)) for n in names))
    steps = Table(("step", ">seconds"), tuple((f"step_{i}", i / 7) for i in range(50)))
    page = render_document(Document("wide", "", (Section("data", "Data", (columns, histograms, steps)),)))
    assert len(page) < 3_000_000
    assert page.count("<svg") == 500


def test_a_long_table_scrolls_and_a_failed_section_says_why() -> None:
    table = Table((">n", "name"), tuple((i, f"<{i}>") for i in range(500)), "All rows", "train")
    page = render_document(
        Document("shop", "", (Section("a", "A", (table,)), Section("b", "B", failure="no column psi")))
    )
    assert '<div class="m-scroll m-long" tabindex="0" role="region" aria-label="All rows">' in page
    assert '<caption><span>All rows <span class="m-part">train</span></span></caption>' in page
    assert '<td class="m-right">499</td><td class="m-short">&lt;499&gt;</td>' in page
    assert "This could not be built: no column psi" in page


def test_the_decimals_of_a_column_stand_below_each_other() -> None:
    rows = ((0.93388, 12.5, 1e-7), (0.5, 1234.56, 20.0), (0.069553, None, -3.0), (-0.25, float("nan"), 0.0))
    page = render_document(Document("", "", (Section("a", "A", (Table((">x", ">y", ">z"), rows),)),)))
    cells = re.findall(r'<td class="m-right">([^<]*)', page)
    dash, minus = "\N{EN DASH}", "\N{MINUS SIGN}"
    assert cells[0::3] == ["0.934", "0.500", "0.070", f"{minus}0.250"]
    assert cells[1::3] == ["12.5", "1235", dash, dash]
    assert cells[2::3] == [f"1e{minus}07", "20", f"{minus}3", "0"]


def test_a_date_and_the_name_of_a_run_are_not_broken_at_their_hyphens() -> None:
    texts = (
        Paragraph("run 2026-12-01-032744-31b9f"),
        Table(("a", "b"), (("x", "2014-01-01 · 2014-06-30 · 2015"),)),
    )
    page = render_document(Document("", "", (Section("a", "A", texts),)))
    assert '<span class="m-date">2026-12-01-032744-31b9f</span>' in page
    assert '<span class="m-date">2014-01-01</span> · <span class="m-date">2014-06-30</span>' in page


def test_what_is_not_real_is_marked_throughout() -> None:
    document = Document("shop", "", (Section("a", "A", (Paragraph("text"),)),), ("clean",))
    for text in (render_document(document), render_fragment(document)):
        assert "Not real." in text
        assert "pretended or sampled: clean." in text
        assert " m-origin" in text
    assert "Not real" not in render_document(Document("shop"))


def test_a_fragment_takes_the_colours_of_its_notebook_and_leaves_others_alone() -> None:
    fragment = render_fragment(everything("x"))
    style = re.search("<style>(.*?)</style>", fragment, re.DOTALL)
    assert style is not None
    assert "--jp-content-font-color1" in style[1]
    assert "--vscode-editor-foreground" in style[1]
    rules = re.findall(r"(?:^|\})\s*([^{}@]+)\{", style[1])
    assert all(part.split()[-1] and re.search(r"\.m(agical|-)", part) for r in rules for part in r.split(","))
    assert " id=" not in fragment


def test_secrets_are_masked() -> None:
    page = render_document(everything("postgresql://me:tiger@db/sales"))
    assert "tiger" not in page
    assert "me:***@db" in page


def test_a_page_is_written_in_place(tmp_path: Path) -> None:
    """A pipe, a device or a link that a user names stays what it is."""
    link = tmp_path / "link.html"
    link.symlink_to(tmp_path / "page.html")
    write_document(Document("shop"), link)
    assert link.is_symlink()
    assert "shop" in (tmp_path / "page.html").read_text(encoding="utf-8")
