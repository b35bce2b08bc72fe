"""Graphs to be drawn: made by hand, at random, and large."""

from typing import Any

from hypothesis import strategies as st

from magical.graph import Graph, Node
from magical.refs import Link, Wire
from magical.views.state_marks import STATE_STYLES, StepStatus

CUSTOMER = {
    "contract": "Customer",
    "columns": [
        {"name": "id", "type": "int", "role": "id"},
        {"name": "shop", "type": "str", "role": "key", "parent": "Shop"},
        {"name": "income", "type": "float", "nullable": True, "bounds": {"ge": "0"}, "alias": "Income"},
        {"name": "level", "type": "str", "choices": ["<b>low</b>", "high"]},
    ],
}
NASTY = [
    *[
        "<script>alert(1)</script>",
        '"]--><b>',
        "a|b",
        "a\nb",
        "[x](y)",
        "%%{init: {}}%%",
        "`x`",
        "$$x$$",
        "#quot;",
    ],
    *[
        "</svg>",
        "]]>",
        "&amp;",
        "ö–名前",
        "\u202egnp",
        "end",
        "x" * 300,
        "\x1b[31m",
        "{{7*7}}",
        "--> s0",
        "'\"><img src=x>",
    ],
]
PROMISES: list[dict[str, Any]] = [
    {"kind": "table", "text": "Frame[Customer]", "schema": CUSTOMER},
    {"kind": "table", "text": "Frame"},
    {"kind": "parts", "text": "Parts[Customer]", "schema": CUSTOMER},
    {"kind": "model", "text": "Model"},
    {"kind": "value", "text": "dict[str, int]"},
    {"kind": "receipt", "text": "Receipt"},
    {
        "kind": "tuple",
        "text": "tuple[int, Frame]",
        "items": [
            {"kind": "value", "text": "int"},
            {"kind": "table", "text": "Frame[Customer]", "schema": CUSTOMER},
        ],
    },
]


def node(name: str, kind: str = "table", *inputs: Wire, data: str = "", **facts: Any) -> Node:
    """A node whose promise is no more than its kind."""
    promise = next((p for p in PROMISES if p["kind"] == kind), {"kind": kind, "text": kind})
    title = name.split("[", maxsplit=1)[0]
    wires = {f"p{i}": wire for i, wire in enumerate(inputs)}
    return Node(name, f"workflow:{title}", data or title, "workflow.py:1", wires, promise, facts)


PARTS = tuple(Link("split", part) for part in ("train", "validation", "test"))
CAMPAIGN = Graph(
    "campaign",
    (
        node("ingest"),
        node("clean", "table", Link("ingest"), data="customers"),
        node("split", "parts", Link("clean")),
        node("tune[a]", "model", PARTS[0]),
        node("tune[b]", "model", PARTS[0]),
        node("select", "model", (Link("tune[a]"), Link("tune[b]")), PARTS[1], data="best"),
        node("evaluate", "value", Link("select"), PARTS[2], data="scores"),
        node("register", "receipt", Link("select"), Link("evaluate"), writes="world"),
        node("notify", "receipt", Link("register"), writes="world"),
        node("odd", "value", Link("clean")),
    ),
    Link("evaluate"),
)


def chain(n: int) -> Graph:
    """Each step follows the one before it."""
    nodes = [node(f"n{i}", "value", *([Link(f"n{i - 1}")] if i else [])) for i in range(n)]
    return Graph("chain", tuple(nodes), Link(f"n{n - 1}"))


def fan(n: int) -> Graph:
    """Many steps follow one, and one follows them all."""
    many = [node(f"n[{i}]", "value", Link("first")) for i in range(n)]
    last = node("last", "value", tuple(Link(m.name) for m in many))
    return Graph("fan", (node("first"), *many, last), Link("last"))


names = st.one_of(st.sampled_from(NASTY), st.text(min_size=1, max_size=12))
standings = st.builds(
    StepStatus, st.sampled_from([*STATE_STYLES, ""]), st.lists(names, max_size=2).map(tuple)
)


@st.composite
def graphs(draw: st.DrawFn, most: int = 14) -> Graph:
    """Any graph that could be drawn: some names are nasty, some steps are unused, some write."""
    nodes: list[Node] = []
    for i in range(draw(st.integers(1, most))):
        promise = draw(st.sampled_from(PROMISES))
        links = [
            draw(_links(n))
            for n in draw(st.lists(st.sampled_from(nodes), max_size=4) if nodes else st.just([]))
        ]
        wires: list[Wire] = [tuple(links[:2]), *links[2:]] if draw(st.booleans()) else list(links)
        facts = {"writes": "world"} if promise["kind"] == "receipt" else {}
        facts |= {"unwritten": True} if draw(st.booleans()) else {}
        name = f"{draw(names)}#{i}"
        data = draw(st.sampled_from([name, "rows", "train", draw(names)]))
        inputs = {f"p{j}": w for j, w in enumerate(wires) if w != ()}
        nodes.append(Node(name, f"workflow:{name}", data, f"{draw(names)}:1", inputs, promise, facts))
    return Graph(draw(names), tuple(nodes), draw(_links(nodes[-1])))


def _links(source: Node) -> st.SearchStrategy[Link]:
    items = {"parts": ["", "train", "validation", "test"], "tuple": ["", "0", "1"]}
    return st.sampled_from([Link(source.name, item) for item in items.get(source.promise["kind"], [""])])
