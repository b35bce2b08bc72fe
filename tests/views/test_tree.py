"""The drawing in the terminal."""

import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.graph import Graph
from magical.refs import Link
from magical.views.picture import build_picture
from magical.views.state_marks import STATE_STYLES, StepStatus
from magical.views.tree import render_tree
from views.graphs import CAMPAIGN, chain, fan, graphs, node, standings

DOCS = Path(__file__).parents[2] / "docs"
STATES = {
    "ingest": StepStatus("fresh"),
    "clean": StepStatus("pretended"),
    "split": StepStatus("fresh", ("clean",)),
    "tune[a]": StepStatus("failed", ("clean",)),
    "tune[b]": StepStatus("waits", ("clean",)),
    "register": StepStatus("left out", ("clean",)),
}


def columns(text: str) -> int:
    """Count the columns of a line in a terminal."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def test_groups_are_headings_and_both_kinds_of_node_are_there() -> None:
    assert render_tree(build_picture(CAMPAIGN, STATES)).splitlines() == [
        "campaign: 10 steps, 2 fresh, 1 waits, 1 pretended, 1 failed, 1 left out, 4 unused",
        "",
        "data",
        "  =  ingest    fresh                                               → Frame[Customer]",
        "  ~  clean     pretended           ← ingest                        → customers: Frame[Customer]",
        "  =~ split     fresh, not real     ← customers                     → train, validation, test: Frame[Customer]",
        "  ·  odd       unused              ← customers                     → dict[str, int]",
        "",
        "learning",
        "  ✗~ tune[a]   failed, not real    ← train                         → Model",
        "  …~ tune[b]   waits, not real     ← train                         → Model",
        "  ·  select    unused              ← tune[a], tune[b], validation  → best: Model",
        "",
        "judging",
        "  ·  evaluate  unused              ← best, test                    → scores: dict[str, int]",
        "",
        "world",
        "  -~ register  left out, not real  ← best, scores",
        "  ·  notify    unused              ← register",
        "",
        "~ not real: it stands on clean.",
    ]


def test_a_narrow_terminal_breaks_lines_and_loses_nothing() -> None:
    wide, narrow = (render_tree(build_picture(CAMPAIGN, STATES), width) for width in (200, 40))
    assert max(map(columns, narrow.splitlines())) <= 40
    assert sorted(narrow.split()) == sorted(wide.split())
    assert "  ·  select  unused\n       ← tune[a], tune[b], validation\n       → best: Model\n" in narrow


def test_a_long_name_is_whole_where_there_is_room() -> None:
    name = "tune[the one with all of the features of the year before]"
    assert name in render_tree(build_picture(Graph("flow", (node(name), node("b", "value", Link(name))))))


def test_colour_is_only_beside_the_text() -> None:
    drawn = build_picture(CAMPAIGN, STATES)
    painted = render_tree(drawn, 100, True)
    assert re.sub(r"\x1b\[\d*m", "", painted) == render_tree(drawn, 100)
    assert "\x1b[31mfailed, not real\x1b[0m" in painted
    assert "\x1b" not in render_tree(drawn)


@given(st.data(), graphs(), st.integers(20, 160), st.booleans())
def test_any_graph_fits_any_terminal(data: st.DataObject, graph: Graph, width: int, colour: bool) -> None:
    states = data.draw(st.none() | st.fixed_dictionaries({n.name: standings for n in graph.nodes}))
    text = render_tree(build_picture(graph, states), width, colour)
    bare = re.sub(r"\x1b\[\d*m", "", text)
    assert "\x1b" not in bare
    lines = bare.splitlines()
    assert max(map(columns, lines)) <= width
    marks = re.escape("".join(look.mark for look in STATE_STYLES.values()))
    assert len([line for line in lines if re.match(rf"  [{marks} ][~ ] ", line)]) >= len(graph.nodes)


@pytest.mark.parametrize("graph", [chain(1000), fan(1000)], ids=["chain", "fan"])
def test_a_thousand_steps_are_quick_and_not_indented(graph: Graph) -> None:
    began = time.process_time()
    lines = render_tree(build_picture(graph)).splitlines()
    assert time.process_time() - began < 1
    assert len([line for line in lines if line.startswith("  ")]) >= 1000
    assert max(map(len, lines)) <= 110
    assert len(lines) < 1020


def test_notes_stand_below() -> None:
    text = render_tree(
        build_picture(Graph("flow", (node("a"), node("b", "value", Link("a")))), notes=["mind this"])
    )
    assert text.endswith("\n\nmind this")


def test_the_page_of_the_docs_lists_the_states_as_they_are() -> None:
    rows = re.findall(r"^\| (\S) \| ([\w ]+) \| (.*) \|$", (DOCS / "show.md").read_text("utf-8"), re.M)
    assert rows == [(look.mark, state, look.text) for state, look in STATE_STYLES.items()]
