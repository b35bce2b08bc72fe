"""The drawing of a workflow as SVG."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.graph import Graph
from magical.refs import Link
from magical.views.page_style import PAGE_THEME
from magical.views.picture import GROUPS, build_picture
from magical.views.state_marks import STATE_STYLES, StepStatus
from magical.views.svg import STYLE, render_svg, state_class
from views.graphs import CAMPAIGN, NASTY, chain, fan, graphs, node, standings

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: ElementTree.Element, kind: str) -> list[tuple[float, float, float, float]]:
    """Find the boxes of a kind: left, top, right, bottom."""
    found = []
    for group in svg.iter(f"{SVG}g"):
        if kind in group.get("class", "").split():
            x, y, w, h = (float(group.find(f"{SVG}rect").get(n)) for n in ("x", "y", "width", "height"))  # type: ignore[union-attr,arg-type]
            found.append((x, y, x + w, y + h))
    return found


@settings(max_examples=25)
@given(st.data(), graphs())
def test_any_graph_is_drawn_whole_and_nothing_overlaps(data: st.DataObject, graph: Graph) -> None:
    states = data.draw(st.none() | st.fixed_dictionaries({n.name: standings for n in graph.nodes}))
    drawn = build_picture(graph, states)
    svg = ElementTree.fromstring(render_svg(drawn))
    steps, data_boxes = boxes(svg, "m-step"), boxes(svg, "m-data")
    assert (len(steps), len(data_boxes)) == (len(drawn.steps), len(drawn.data))
    left, _, wide, tall = map(float, svg.get("viewBox", "").split())
    placed = [*steps, *data_boxes]
    for i, (x0, y0, x1, y1) in enumerate(placed):
        assert left <= x0 < x1 <= left + wide
        assert 0 <= y0 < y1 <= tall
        assert all(x1 <= a0 or a1 <= x0 or y1 <= b0 or b1 <= y0 for a0, b0, a1, b1 in placed[:i])
    lines = [(p.get("data-from"), p.get("data-to")) for p in svg.iter(f"{SVG}path")]
    assert sorted(map(str, lines)) == sorted(map(str, drawn.edges))


def drawn(graph: Graph, states: dict[str, StepStatus] | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(render_svg(build_picture(graph, states)))


def texts(svg: ElementTree.Element, style: str = "") -> list[str]:
    return [t.text or "" for t in svg.iter(f"{SVG}text") if t.get("class", "") == style]


def titles(svg: ElementTree.Element, kind: str) -> list[str]:
    groups = [g for g in svg.iter(f"{SVG}g") if kind in g.get("class", "").split()]
    return [g.findtext(f"{SVG}title") or "" for g in groups]


def test_each_group_has_a_band_unless_there_is_one_only() -> None:
    assert texts(drawn(CAMPAIGN), "m-group") == list(GROUPS)
    assert texts(drawn(chain(3)), "m-group") == []


@pytest.mark.parametrize("graph", [CAMPAIGN, fan(5)], ids=["campaign", "fan"])
def test_steps_stand_below_what_they_take(graph: Graph) -> None:
    picture = build_picture(graph)
    svg = ElementTree.fromstring(render_svg(picture))
    top = {
        g.get("data-id"): float(rect.get("y", ""))
        for g in svg.iter(f"{SVG}g")
        if (rect := g.find(f"{SVG}rect")) is not None
    }
    assert all(top[source] < top[target] for source, target in picture.edges)


def test_a_step_tells_its_state_by_a_word_a_mark_and_a_colour() -> None:
    svg = drawn(Graph("flow", (node("rows"),)), {"rows": StepStatus("to run")})
    assert texts(svg, "m-state") == ["▶ to run"]
    assert svg.find(f"{SVG}g").attrib["class"] == "m-step m-to-run"  # type: ignore[union-attr]


def test_what_is_not_real_says_on_what_it_stands() -> None:
    graph = Graph("flow", (node("size", "value"),), Link("size"))
    svg = drawn(graph, {"size": StepStatus("fresh", ("rows", "more"))})
    (title,) = titles(svg, "m-step")
    assert title.splitlines() == [
        "size",
        "fresh",
        "stands on rows, more, which are not real",
        "gives dict[str, int]",
        "workflow.py:1",
    ]
    assert "rows, which is not real" in titles(drawn(graph, {"size": StepStatus("", ("rows",))}), "m-step")[0]
    (data,) = (g for g in svg.iter(f"{SVG}g") if "m-data" in g.get("class", ""))
    assert data.get("class") == "m-data m-returned m-unreal"
    assert titles(svg, "m-data") == ["size: dict[str, int]\nthe workflow returns it"]


def test_data_lead_where_the_link_says() -> None:
    text = render_svg(build_picture(CAMPAIGN), lambda data: f"#{data.id}?a&b" if data.id == "d1" else "")
    assert [a.get("href") for a in ElementTree.fromstring(text).iter(f"{SVG}a")] == ["#d1?a&b"]
    assert "<a" not in render_svg(build_picture(CAMPAIGN))


@pytest.mark.parametrize("evil", NASTY)
def test_names_are_text(evil: str) -> None:
    svg = drawn(Graph(evil, (node(evil, data=f"{evil}!"),)), {evil: StepStatus("failed", (evil,))})
    known = {"svg", "title", "desc", "g", "rect", "text", "path"}
    assert {e.tag.removeprefix(SVG) for e in svg.iter()} <= known
    assert all(len(t) <= 40 for t in texts(svg))


def test_wide_characters_get_more_room() -> None:
    def width(name: str) -> float:
        left, _, right, _ = boxes(drawn(Graph("f", (node(name, "receipt"),))), "m-step")[0]
        return right - left

    assert width("名前名前名前名前") == width("ab" * 8) > width("ab" * 4)


def test_each_state_has_a_class_and_each_colour_is_defined() -> None:
    assert state_class("") == ""
    assert state_class("left out") == "m-left-out"
    coloured = {"fresh", "stale", "to run", "unwritten", "pretended", "failed"}
    assert {s for s in STATE_STYLES if f".{state_class(s)}{{" in STYLE} == coloured
    assert all(PAGE_THEME.count(f"--{s.split()[-1]}:#") == 2 for s in coloured), "by day and by night"
