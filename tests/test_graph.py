"""A graph is asked for nodes, ancestors and children, is cut, and survives JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.contracts.promises import Promise, promise_of
from magical.errors import Finding, UsageError
from magical.graph import Call, Graph, Node
from magical.refs import Link
from views.graphs import CAMPAIGN, PARTS, graphs, node


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [n.name for n in nodes]


def called(name: str, promise: Promise) -> Node:
    call = Call(None, {}, promise)
    return Node(name, f"flow:{name}", name, "", {}, {"kind": promise.kind}, call=call)


def test_a_node_is_found_by_its_name_or_its_data() -> None:
    assert CAMPAIGN.node("tune[a]").name == "tune[a]"
    assert CAMPAIGN.node("customers").name == "clean"


def test_a_name_comes_before_the_data_of_another_node() -> None:
    graph = Graph("flow", (node("rows", data="clean"), node("clean", data="rows")))
    assert graph.node("rows").name == "rows"
    assert graph.node("clean").name == "clean"


def test_data_of_several_nodes_is_no_name_of_one() -> None:
    graph = Graph("flow", (node("tune[a]", data="tune"), node("tune[b]", data="tune")))
    with pytest.raises(UsageError, match=r"tune is 2 steps: tune\[a\], tune\[b\]"):
        graph.node("tune")


def test_a_node_that_is_not_there_is_said_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="There is no step 'customer'") as caught:
        CAMPAIGN.node("customer")
    assert "did you mean 'customers'" in caught.value.hint
    with pytest.raises(UsageError, match="There is no step 'x'"):
        Graph("flow", ()).node("x")


def test_ancestors_and_children() -> None:
    assert CAMPAIGN.ancestors(["tune[a]"]) == {"tune[a]", "split", "clean", "ingest"}
    assert CAMPAIGN.ancestors(["odd", "clean"]) == {"odd", "clean", "ingest"}
    assert CAMPAIGN.ancestors([]) == set()
    assert CAMPAIGN.children["split"] == ["tune[a]", "tune[b]", "select", "evaluate"]
    assert CAMPAIGN.children["notify"] == []


def test_a_child_of_several_parts_is_a_child_once() -> None:
    graph = Graph("flow", (node("split", "parts"), node("all", "value", PARTS, Link("split"))))
    assert graph.children == {"split": ["all"], "all": []}


def test_links_come_in_the_order_of_parameters() -> None:
    select = CAMPAIGN.by_name["select"]
    assert select.links == (Link("tune[a]"), Link("tune[b]"), Link("split", "validation"))
    assert node("first", "table", None, (None, Link("a"))).links == (Link("a"),)


def test_a_run_needs_what_is_returned_and_what_writes() -> None:
    assert names(CAMPAIGN.required_nodes) == [n for n in names(CAMPAIGN.nodes) if n != "odd"]
    silent = Graph("flow", (node("a"), node("b", "table", Link("a"))))
    assert silent.required_nodes == ()
    assert names(Graph("flow", silent.nodes, (None, (Link("a"),))).required_nodes) == ["a"]


def test_a_graph_up_to_a_step() -> None:
    findings = (
        Finding("WIRE001", "warning", "odd", "", "is drawn"),
        Finding("WIRE001", "warning", "split", "", "is drawn"),
    )
    graph = Graph("campaign", CAMPAIGN.nodes, CAMPAIGN.result, findings).subgraph("tune[a]")
    assert (graph.workflow, graph.result) == ("campaign", Link("tune[a]"))
    assert names(graph.nodes) == ["ingest", "clean", "split", "tune[a]"]
    assert [f.step for f in graph.findings] == ["split"]
    assert CAMPAIGN.subgraph("customers").result == Link("clean")


@pytest.mark.parametrize(
    ("made", "facts"),
    [
        (node("a"), []),
        (node("a", "model"), ["is_fit"]),
        (node("a", "pipeline"), ["is_fit"]),
        (node("a", "parts"), ["is_split"]),
        (node("a", "receipt", writes="world"), ["writes", "needs_real_inputs"]),
        (node("a", writes="files"), []),
        (node("a", unguessable=True), ["needs_real_inputs"]),
    ],
)
def test_what_a_step_is(made: Node, facts: list[str]) -> None:
    every = ("is_fit", "is_split", "writes", "needs_real_inputs")
    assert [fact for fact in every if getattr(made, fact)] == facts


def test_the_promise_of_a_part_or_of_an_item() -> None:
    pair: Any = promise_of(tuple[int, str])
    graph = Graph("flow", (called("split", Promise("parts")), called("pair", pair)))
    assert graph.has_calls
    assert graph.promise_of(Link("split")).kind == "parts"
    assert graph.promise_of(Link("split", "train")).kind == "table"
    assert graph.promise_of(Link("pair", "1")) == pair.items[1]


def test_calls_do_not_count_in_a_comparison_and_are_not_in_json() -> None:
    drawn = Graph("flow", (called("clean", Promise("table")),))
    read = Graph.from_json(drawn.to_json())
    assert read == drawn
    assert (drawn.has_calls, read.has_calls) == (True, False)


@settings(max_examples=30)
@given(graphs(), st.lists(st.text(max_size=5), max_size=2))
def test_a_graph_survives_json(graph: Graph, texts: list[str]) -> None:
    findings = tuple(Finding("WIRE001", "warning", "step", t, t) for t in texts)
    graph = Graph(graph.workflow, graph.nodes, (graph.result, None, (graph.result,)), findings)
    again = Graph.from_json(json.loads(json.dumps(graph.to_json())))
    assert again == graph
    assert again.to_json() == graph.to_json()


@settings(max_examples=30)
@given(graphs())
def test_every_node_is_a_child_of_its_parents_alone(graph: Graph) -> None:
    pairs = {(parent, child) for parent, children in graph.children.items() for child in children}
    assert pairs == {(link.node, n.name) for n in graph.nodes for link in n.links}
    assert graph.ancestors(graph.by_name) == set(graph.by_name)
