"""Documents to be rendered: any whatever, and one with the content of a report."""

import math

from hypothesis import strategies as st

from magical.views.document import (
    Axis,
    Band,
    Bars,
    Block,
    Cells,
    Chart,
    Code,
    Details,
    Document,
    Dots,
    Drawing,
    Facts,
    Line,
    Paragraph,
    RuleLine,
    Section,
    Table,
)

NASTY_TEXTS = (
    "<script>alert(1)</script>",
    '"a\' category" & <b>',
    "]]>--></style></title></svg>",
    "\u05e9\u05dc\u05d5\u05dd \u202e right to left",
    "\x00\x1b[31m\ud800",
    "a\nb\rc\u2028d",
    "&lt;b&gt; &#0;",
    "javascript:alert(1)",
    "x" * 300,
    "",
)
texts = st.sampled_from(NASTY_TEXTS) | st.text(max_size=20)
numbers = st.floats() | st.sampled_from((0.0, 1e308, -1e308, 5e-324, math.nan, math.inf)) | st.integers(-9, 9)
parts = st.sampled_from(("", "test", "<i>"))


def _several(strategy, least=0, most=5):
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


def _tuples(count):
    return _several(st.tuples(*[numbers] * count))


axes = st.builds(
    Axis,
    texts,
    _several(texts, most=3) | st.integers(0, 80).map(lambda n: tuple(map(str, range(n)))),
    st.none() | numbers,
    st.none() | numbers,
    st.booleans(),
)
marks = st.one_of(
    st.builds(Line, _tuples(2), texts, st.booleans(), st.booleans()),
    st.builds(Band, _tuples(3), texts),
    st.builds(Bars, _tuples(3), texts, _tuples(2), st.booleans()),
    st.builds(Dots, _tuples(2), texts, _tuples(2)),
    st.builds(Cells, _several(_several(st.none() | numbers)), texts),
    st.builds(RuleLine, numbers, st.sampled_from(("x", "y", "diagonal")), texts),
)
charts = st.builds(Chart, texts, texts, axes, axes, _several(marks), parts)
cells = texts | numbers | st.booleans() | st.none()
tables = st.builds(Table, _several(texts), _several(_several(cells)), texts, parts)
tones = st.sampled_from(("", "good", "warning", "bad", "faint"))
simple_blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Paragraph, texts, tones),
    st.builds(Facts, _several(st.tuples(texts, texts))),
    st.builds(Code, texts),
    tables,
    charts,
    st.builds(Drawing, st.just('<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>'), texts),
)
blocks = simple_blocks | st.builds(Details, texts, _several(simple_blocks, most=2))
sections = st.builds(Section, texts, texts, _several(blocks, most=4), texts)
documents = st.builds(Document, texts, texts, _several(sections, most=4), _several(texts, most=2))
