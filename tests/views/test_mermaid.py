"""The drawing as Mermaid text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from magical.graph import Graph
from magical.refs import Link
from magical.views.mermaid import render_mermaid
from magical.views.picture import Picture, build_picture
from magical.views.state_marks import StepStatus
from views.graphs import CAMPAIGN, NASTY, chain, fan, graphs, node, standings

TEXT = r'"[^"\\`<>|{}$%&]*(?:<br/>(?:<small>)?[^"\\`<>|{}$%&]*(?:</small>)?)?"'
NODE = rf"(\w+)(?:\[{TEXT}\]|\[/{TEXT}/\]|\(\[{TEXT}\]\))(?::::(\w+))?"
DEFINED = re.compile(rf"^ *{NODE}(?: --> {NODE}(?: & {NODE})*)?$")
ARROW = re.compile(rf"^    ((?:\w+ & )*\w+) --> (\w+)$|^    (\w+) -->\|{TEXT}\| (\w+)$")


def parsed(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The ids that are defined, and the edges; every line must be of a known shape."""
    first, *lines = text.split("\n")
    assert first == "flowchart TD"
    ids: list[str] = []
    edges: list[tuple[str, str]] = []
    opened = 0
    for line in lines:
        if re.fullmatch(r"    subgraph (data|learning|judging|world)|    end", line):
            opened += 1 if "subgraph" in line else -1
            assert opened in (0, 1)
        elif DEFINED.fullmatch(line):
            step, *data = re.findall(r"(\w+)(?:\[\"|\[/\"|\(\[\")", line)
            ids += [step, *data]
            edges += [(step, d) for d in data]
        elif arrow := ARROW.fullmatch(line):
            many, one, single, other = arrow.groups()
            edges += [(source, one or other) for source in (many or single).split(" & ")]
        else:
            assert re.fullmatch(r"    classDef \w+ [\w:#,\- ]+", line), line
    assert opened == 0
    return ids, edges


def drawn_edges(drawn: Picture) -> set[tuple[str, str]]:
    """The edges of a picture, those through data that are written on an arrow joined to one."""
    on_arrows = {d.id for d in drawn.data.values() if not d.name and len(drawn.consumers[d.id]) == 1}
    pairs = {(drawn.producers[a].id if a in on_arrows else a, b) for a, b in drawn.edges}
    return {(a, b) for a, b in pairs if b not in on_arrows}


def test_steps_are_boxes_and_data_are_round_in_their_groups() -> None:
    assert render_mermaid(build_picture(CAMPAIGN)).splitlines() == [
        "flowchart TD",
        "    subgraph data",
        '        s0["ingest"]',
        '        s1["clean"] --> d1(["customers<br/>Frame[Customer]"])',
        '        s2["split"] --> d2(["train<br/>Frame[Customer]"]) & d3(["validation<br/>Frame[Customer]"])'
        ' & d4(["test<br/>Frame[Customer]"])',
        '        s9["odd<br/><small>unused</small>"]:::unused --> d9(["dict[str, int]"])',
        "    end",
        "    subgraph learning",
        '        s3["tune[a]"]',
        '        s4["tune[b]"]',
        '        s5["select"] --> d7(["best<br/>Model"])',
        "    end",
        "    subgraph judging",
        '        s6["evaluate"] --> d8(["scores<br/>dict[str, int]"])',
        "    end",
        "    subgraph world",
        '        s7[/"register"/]',
        '        s8[/"notify"/]',
        "    end",
        '    s0 -->|"Frame[Customer]"| s1',
        "    d1 --> s2",
        "    d2 --> s3",
        "    d2 --> s4",
        "    d3 --> s5",
        '    s3 -->|"Model"| s5',
        '    s4 -->|"Model"| s5',
        "    d7 & d4 --> s6",
        "    d7 & d8 --> s7",
        "    s7 --> s8",
        "    d1 --> s9",
        "    classDef unused stroke-dasharray:2 3",
    ]


def test_one_group_has_no_frame() -> None:
    assert "subgraph" not in render_mermaid(build_picture(chain(3)))


def test_states_are_shown_where_they_say_something() -> None:
    nodes = tuple(node(f"n{i}") for i in range(4))
    states = StepStatus("stale"), StepStatus("waits"), StepStatus("to run"), StepStatus("fresh", ("rows",))
    text = render_mermaid(
        build_picture(Graph("flow", nodes), {n.name: s for n, s in zip(nodes, states, strict=True)})
    )
    assert 's0["n0<br/><small>stale</small>"]:::stale' in text
    assert 's1["n1"] -->' in text
    assert 's2["n2"] -->' in text
    assert 's3["n3<br/><small>fresh, not real</small>"]:::fresh' in text
    assert text.count("classDef") == 2


@given(st.data(), graphs())
def test_every_node_is_defined_once_and_every_edge_drawn(data: st.DataObject, graph: Graph) -> None:
    states = data.draw(st.none() | st.fixed_dictionaries({n.name: standings for n in graph.nodes}))
    drawn = build_picture(graph, states)
    ids, edges = parsed(render_mermaid(drawn))
    assert len(set(ids)) == len(ids)
    assert set(edges) == drawn_edges(drawn)
    assert len(set(edges)) == len(edges)
    assert {i for edge in edges for i in edge} <= set(ids)


def test_a_name_is_never_markup_nor_a_directive() -> None:
    for name in NASTY:
        graph = Graph(name, (node(name, data=f"{name}!"), node("b", "value", Link(name))), Link("b"))
        text = render_mermaid(build_picture(graph, {name: StepStatus("failed", (name,))}))
        ids, edges = parsed(text)
        assert ids == ["s0", "d0", "s1", "d1"]
        assert len(edges) == 3
        assert not re.search(r"<(?!/?small>|br/>)|%|`|\$|\{", text)


def test_many_steps() -> None:
    for graph in (chain(1000), fan(1000)):
        ids, edges = parsed(render_mermaid(build_picture(graph)))
        assert len(ids) <= 2 * len(graph.nodes)
        assert len(edges) >= len(graph.nodes) - 1
