"""Documents as HTML: well-formed, escaped and without equal ids, whatever they are about."""

import re
from html import unescape

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
from magical.views.document_page import render_document, render_fragment
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
