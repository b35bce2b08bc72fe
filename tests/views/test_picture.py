"""The picture of a graph: steps and data as two kinds of node, and the groups of steps."""

from hypothesis import given

from magical.errors import Finding
from magical.graph import Graph
from magical.masking import register_secret
from magical.refs import Link
from magical.views.picture import GROUPS, Picture, assign_groups, build_picture
from magical.views.state_marks import StepStatus
from views.graphs import CAMPAIGN, PARTS, graphs, node


def given_by(drawn: Picture, step: str) -> list[tuple[str, str]]:
    return [(d.name, d.promise) for s in drawn.steps if s.name == step for d in s.outputs]


def taken_by(drawn: Picture, step: str) -> list[str]:
    return [drawn.label(source) for s in drawn.steps if s.name == step for source in s.inputs]


def test_data_have_the_names_that_the_workflow_gives_them() -> None:
    drawn = build_picture(CAMPAIGN)
    assert given_by(drawn, "clean") == [("customers", "Frame[Customer]")]
    assert given_by(drawn, "ingest") == [("", "Frame[Customer]")]
    assert taken_by(drawn, "clean") == ["ingest"]
    assert taken_by(drawn, "split") == ["customers"]
    assert taken_by(drawn, "select") == ["tune[a]", "tune[b]", "validation"]


def test_the_parts_of_a_split_are_data_of_their_own_where_they_are_used() -> None:
    drawn = build_picture(CAMPAIGN)
    assert given_by(drawn, "split") == [(p, "Frame[Customer]") for p in ("train", "validation", "test")]
    whole = node("split", "parts")
    only = Graph("flow", (whole, node("size", "value", Link("split", "test"))), Link("size"))
    assert given_by(build_picture(only), "split") == [("test", "Frame[Customer]")]
    assert given_by(build_picture(Graph("flow", (whole,), Link("split"))), "split") == [
        ("", "Parts[Customer]")
    ]


def test_the_members_of_a_tuple_are_data_of_their_own() -> None:
    nodes = (
        node("pair", "tuple"),
        node("size", "value", Link("pair", "1")),
        node("sum", "value", Link("pair", "0")),
    )
    assert given_by(build_picture(Graph("flow", nodes)), "pair") == [
        ("pair.0", "int"),
        ("pair.1", "Frame[Customer]"),
    ]


def test_a_receipt_is_no_data() -> None:
    drawn = build_picture(CAMPAIGN)
    assert given_by(drawn, "register") == []
    assert taken_by(drawn, "notify") == ["register"]


def test_a_name_that_two_have_is_told_apart_where_it_is_taken() -> None:
    nodes = (
        node("first", data="rows"),
        node("second", "table", Link("first"), data="rows"),
        node("third", "value", Link("second")),
        node("split", "parts", Link("second")),
        node("train", "model", Link("split", "train")),
    )
    drawn = build_picture(Graph("flow", nodes))
    assert taken_by(drawn, "second") == ["first"]
    assert taken_by(drawn, "third") == ["second"]
    assert taken_by(drawn, "train") == ["split.train"]
    assert given_by(drawn, "split") == [("train", "Frame[Customer]")]


def test_what_the_workflow_returns_is_marked() -> None:
    assert [d.name for d in build_picture(CAMPAIGN).data.values() if d.returned] == ["scores"]


def test_without_states_it_tells_what_the_code_tells() -> None:
    nodes = (
        node("rows", unwritten=True),
        node("size", "value", Link("rows")),
        node("odd", "value", Link("rows")),
    )
    drawn = build_picture(Graph("flow", nodes, Link("size")))
    assert [s.status.state for s in drawn.steps] == ["unwritten", "", "unused"]


def test_what_a_drawing_found_and_more_is_said_below() -> None:
    graph = Graph(
        "flow", (node("rows"),), None, (Finding("WIRE001", "warning", "rows", "is odd.", "mend it."),)
    )
    assert build_picture(graph, notes=("and more",)).notes == (
        "warning WIRE001 rows: is odd.\nHint: mend it.",
        "and more",
    )


def test_no_secret_is_in_a_picture() -> None:
    secret = "hunter2-hunter2"
    register_secret(secret)
    graph = Graph("flow", (node(f"get[{secret}]", data=secret),))
    assert "hunter2" not in str(
        build_picture(graph, {f"get[{secret}]": StepStatus("fresh", (secret,))}).origin
    )
    assert "hunter2" not in str([(s.name, s.outputs) for s in build_picture(graph).steps])


@given(graphs())
def test_every_link_of_a_graph_is_an_edge_between_nodes_that_are_there(graph: Graph) -> None:
    drawn = build_picture(graph, {n.name: StepStatus("fresh") for n in graph.nodes})
    ids = [i for s in drawn.steps for i in (s.id, *(d.id for d in s.outputs))]
    assert len(set(ids)) == len(ids)
    edges = list(drawn.edges)
    assert {i for edge in edges for i in edge} <= set(ids)
    wanted = {(link.node, n.name) for n in graph.nodes for link in n.links}
    position = {s.id: n.name for s, n in zip(drawn.steps, graph.nodes, strict=True)}
    found = {(position[drawn.producers[a].id], position[b]) for a, b in edges if b in position}
    assert found == wanted


def test_with_a_split() -> None:
    groups = assign_groups(CAMPAIGN)
    assert {g: [n for n, own in groups.items() if own == g] for g in GROUPS} == {
        "data": ["ingest", "clean", "split", "odd"],
        "learning": ["tune[a]", "tune[b]", "select"],
        "judging": ["evaluate"],
        "world": ["register", "notify"],
    }


def test_what_only_a_fit_needs_belongs_to_learning() -> None:
    nodes = (
        *CAMPAIGN.nodes[:3],
        node("balance", "table", PARTS[0]),
        node("fit", "model", Link("balance")),
        node("describe", "value", PARTS[0]),
    )
    groups = assign_groups(Graph("flow", nodes))
    assert (groups["balance"], groups["fit"], groups["describe"]) == ("learning", "learning", "judging")


def test_without_a_split() -> None:
    nodes = (
        node("rows"),
        node("encode", "pipeline", Link("rows")),
        node("encoded", "table", Link("rows"), Link("encode")),
        node("fit", "model", Link("encoded")),
        node("score", "value", Link("fit"), Link("rows")),
    )
    groups = assign_groups(Graph("flow", nodes))
    assert list(groups.values()) == ["data", "learning", "learning", "learning", "judging"]


def test_without_a_fit_all_is_data_but_what_writes() -> None:
    nodes = (
        node("rows"),
        node("export", "receipt", Link("rows"), writes="world"),
        node("size", "value", Link("rows")),
    )
    assert list(assign_groups(Graph("flow", nodes)).values()) == ["data", "world", "data"]


def test_a_fit_before_the_split_is_learning_and_so_is_what_follows() -> None:
    nodes = (
        node("rows"),
        node("encode", "pipeline", Link("rows")),
        node("split", "parts", Link("rows"), Link("encode")),
        node("fit", "model", PARTS[0]),
    )
    assert list(assign_groups(Graph("flow", nodes)).values()) == ["data", "learning", "learning", "learning"]


@given(graphs())
def test_no_step_is_in_an_earlier_group_than_what_it_needs(graph: Graph) -> None:
    rank = {name: GROUPS.index(group) for name, group in assign_groups(graph).items()}
    assert list(rank) == [n.name for n in graph.nodes]
    assert all(rank[link.node] <= rank[n.name] for n in graph.nodes for link in n.links)
    assert all(rank[n.name] == 3 for n in graph.nodes if n.writes)
