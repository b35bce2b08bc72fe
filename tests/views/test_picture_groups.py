"""Which group a step is in: told by the graph alone."""

from hypothesis import given

from magical.graph import Graph
from magical.refs import Link
from magical.views.picture import GROUPS, assign_groups
from views.graphs import CAMPAIGN, PARTS, graphs, node


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
