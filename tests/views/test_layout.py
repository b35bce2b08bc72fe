"""The layout of boxes and lines."""

import itertools
import time

from hypothesis import given
from hypothesis import strategies as st

from magical.views.layout import Box, Edge, Layout, compute_layout

Drawn = tuple[list[Box], list[Edge]]


@st.composite
def drawings(draw: st.DrawFn) -> Drawn:
    """Boxes of any size in bands, each edge leading down."""
    sizes = st.tuples(st.integers(20, 300), st.integers(20, 90), st.integers(0, 3))
    given_boxes = draw(st.lists(sizes, min_size=1, max_size=18))
    bands = sorted(band for *_, band in given_boxes)
    boxes = [Box(f"b{i}", w, h, bands[i]) for i, (w, h, _) in enumerate(given_boxes)]
    pairs = list(itertools.combinations(range(len(boxes)), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=40)) if pairs else []
    edges = [
        Edge(boxes[a].id, boxes[b].id, boxes[a].width * draw(st.sampled_from([0.2, 0.5, 0.8])))
        for a, b in chosen
    ]
    return boxes, edges


def overlapping(layout: Layout, room: float = 0) -> list[tuple[str, str]]:
    """List the pairs of boxes that overlap."""
    found = []
    for a, b in itertools.combinations(layout.boxes.values(), 2):
        apart_x = a.x + a.box.width + room <= b.x + 1e-6 or b.x + b.box.width + room <= a.x + 1e-6
        apart_y = a.y + a.box.height + room <= b.y + 1e-6 or b.y + b.box.height + room <= a.y + 1e-6
        if not (apart_x or apart_y):
            found.append((a.box.id, b.box.id))
    return found


@given(drawings())
def test_no_boxes_overlap_and_all_lie_inside_and_in_their_bands(drawn: Drawn) -> None:
    boxes, edges = drawn
    layout = compute_layout(boxes, edges)
    assert set(layout.boxes) == {b.id for b in boxes}
    assert overlapping(layout, room=10) == []
    for place in layout.boxes.values():
        assert place.x >= -1e-6
        assert place.x + place.box.width <= layout.width + 1e-6
        top, bottom = layout.bands[place.box.band]
        assert top <= place.y < place.y + place.box.height <= bottom <= layout.height
    tops = [layout.bands[band] for band in sorted(layout.bands)]
    assert all(above[1] <= below[0] for above, below in itertools.pairwise(tops))


@given(drawings())
def test_every_edge_leads_down_from_its_box_to_its_box_without_a_gap(drawn: Drawn) -> None:
    boxes, edges = drawn
    layout = compute_layout(boxes, edges)
    assert set(layout.routes) == set(edges)
    for edge, hops in layout.routes.items():
        source, target = layout.boxes[edge.source], layout.boxes[edge.target]
        assert hops[0][:2] == (source.x + edge.offset, source.y + source.box.height)
        assert target.x <= hops[-1][2] <= target.x + target.box.width
        assert hops[-1][3] == target.y
        assert all(a[2:] == b[:2] for a, b in itertools.pairwise(hops))
        assert all(y0 <= y1 for _, y0, _, y1 in hops)


@given(drawings())
def test_no_line_runs_through_a_box(drawn: Drawn) -> None:
    boxes, edges = drawn
    layout = compute_layout(boxes, edges)
    for edge, hops in layout.routes.items():
        for name, place in layout.boxes.items():
            if name in (edge.source, edge.target):
                continue
            for x0, y0, x1, y1 in hops:  # a hop that bends lies between two rows
                beside = max(x0, x1) <= place.x or min(x0, x1) >= place.x + place.box.width
                above = y1 <= place.y + 1e-6 or y0 >= place.y + place.box.height - 1e-6
                assert beside or above, (edge, name)


def test_what_follows_one_box_alone_is_right_below_it() -> None:
    boxes = [Box(str(i), 40 + 30 * (i % 3), 20) for i in range(6)]
    layout = compute_layout(boxes, [Edge(str(i), str(i + 1), boxes[i].width / 2) for i in range(5)])
    middles = {round(p.x + p.box.width / 2, 6) for p in layout.boxes.values()}
    assert len(middles) == 1


def test_crossings_are_undone() -> None:
    boxes = [Box(n, 50, 20) for n in "abcxyz"]
    layout = compute_layout(boxes, [Edge("a", "z", 25), Edge("b", "y", 25), Edge("c", "x", 25)])
    order = [sorted(names, key=lambda n: layout.boxes[n].x) for names in ("abc", "xyz")]
    partner = dict(zip("abc", "zyx", strict=True))
    assert [partner[n] for n in order[0]] == order[1]


def test_a_layer_that_is_too_wide_becomes_several() -> None:
    boxes = [Box("first", 100, 20), *(Box(f"n{i}", 100, 20) for i in range(50))]
    layout = compute_layout(boxes, [Edge("first", f"n{i}", 50) for i in range(50)], max_width=1000)
    assert layout.width < 1500
    assert overlapping(layout) == []


def test_a_thousand_boxes_are_placed_in_seconds() -> None:
    boxes = [Box("first", 100, 20), *(Box(f"n{i}", 100, 20) for i in range(1000)), Box("last", 100, 20)]
    edges = [Edge("first", f"n{i}", 50) for i in range(1000)] + [
        Edge(f"n{i}", "last", 50) for i in range(1000)
    ]
    began = time.process_time()
    layout = compute_layout(boxes, edges)
    assert time.process_time() - began < 5
    assert len(layout.routes) == 2000
    rows = {p.y for p in layout.boxes.values()}
    assert len(rows) > 100
