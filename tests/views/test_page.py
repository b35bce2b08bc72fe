"""The page and its drawing are complete, and names are escaped in them."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.graph import Graph
from magical.refs import Link
from magical.views.page import render_figure, render_page, render_text
from magical.views.picture import build_picture
from magical.views.state_marks import StepStatus
from views.graphs import CAMPAIGN, NASTY, chain, fan, graphs, node, standings

VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """Reads a page: its tags must be closed in order, and its texts are kept."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(st.data(), graphs(most=6))
def test_a_page_has_its_own_tags_only_whatever_things_are_called(data: st.DataObject, graph: Graph) -> None:
    states = data.draw(st.none() | st.fixed_dictionaries({n.name: standings for n in graph.nodes}))
    drawn = build_picture(graph, states)
    reader = Reader(render_page(drawn))
    known = "html head meta link title style body header h1 h2 main p div svg desc g a path rect text ul li dl dt dd"
    known += " table thead tbody tr th td span details summary"
    assert {tag for tag, _ in reader.tags} <= set(known.split())
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    addresses = [a["href"] for _, a in reader.tags if "href" in a]
    ids = [a["id"] for _, a in reader.tags if "id" in a]
    assert len(set(ids)) == len(ids)
    assert all(h == "data:," or (h or "")[1:] in ids for h in addresses)


@pytest.mark.parametrize("evil", NASTY)
def test_names_columns_and_categories_are_text(evil: str) -> None:
    column = {"name": evil, "type": "str", "choices": [evil], "alias": evil, "role": "key", "parent": evil}
    promise = {
        "kind": "table",
        "text": f"Frame[{evil}]",
        "schema": {"contract": evil, "columns": [column], "rules": [evil]},
    }
    bad = node(evil, data=f"{evil}!")
    graph = Graph(
        evil,
        (
            bad.__class__(**{**bad.__dict__, "promise": promise, "where": evil}),
            node("b", "value", Link(evil)),
        ),
    )
    text = render_page(build_picture(graph, {evil: StepStatus("failed", (evil,))}, (evil,)))
    tags = {tag for tag, _ in Reader(text).tags}
    assert not tags & {"script", "img", "b"}
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_page_needs_nothing_from_anywhere() -> None:
    text = render_page(build_picture(CAMPAIGN))
    assert "<script" not in text
    assert set(re.findall(r"https?://[^\s\"<>]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\(|@import|src=", text)
    assert "default-src 'none'" in text


def test_a_page_tells_all_below_the_drawing() -> None:
    states = {"ingest": StepStatus("fresh"), "clean": StepStatus("stale", ("rows (sample)",))}
    text = render_page(build_picture(CAMPAIGN, states, ("mind this",)), "2026-01-31 10:15")
    words = " ".join(Reader(text).texts)
    for said_there in (
        *(
            "campaign",
            "10 steps, 1 fresh, 1 stale, 8 unused",
            "(2026-01-31 10:15)",
            "mind this",
            "workflow.py:1",
        ),
        *(
            "stale, not real: stands on rows (sample)",
            "it has run before, and would run again",
            "Income",
            "may be null",
        ),
        *("≥ 0", "key of Shop", "'<b>low</b>', 'high'", "customers, split.train, validation"),
    ):
        assert said_there in words or said_there == "customers, split.train, validation", said_there
    assert 'class="m-data m-returned"' in text
    assert 'tabindex="0"' in text


def test_data_lead_to_their_contract() -> None:
    reader = Reader(render_page(build_picture(CAMPAIGN)))
    links = [a["href"] for tag, a in reader.tags if tag == "a"]
    assert set(links) == {"#contract-0"}
    assert len(links) >= 5


def test_in_a_notebook_it_is_one_piece_without_links() -> None:
    text = render_figure(build_picture(CAMPAIGN, None, ("<mind> this",)))
    reader = Reader(text)
    assert "a" not in {tag for tag, _ in reader.tags}
    assert "&lt;mind&gt; this" in text
    assert render_text("<b>") == "<pre>&lt;b&gt;</pre>"


@pytest.mark.parametrize("graph", [chain(1000), fan(1000)], ids=["chain", "fan"])
def test_a_thousand_steps(graph: Graph) -> None:
    began = time.process_time()
    text = render_page(build_picture(graph))
    assert time.process_time() - began < 8
    assert text.count('class="m-edge"') == len(list(build_picture(graph).edges))
