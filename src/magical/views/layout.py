"""Where boxes and lines of a drawing go: layers from top to bottom, few crossings, nothing over another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Box", "Edge", "Layout", "PlacedBox", "compute_layout"]

GAP_X, GAP_Y = 26.0, 34.0
_PASS_WIDTH = 6.0
"""The width that a line takes where it passes a layer."""

_MAX_PASSES = 3000
"""Beyond so many, lines are drawn straight and may run behind boxes."""

_SWEEPS = 9
_PORT_GAP = 14.0
_STRAIGHT_WEIGHT = 4.0
"""How much more it counts that a line runs straight than that a box is in the middle of what it takes."""


@dataclass(frozen=True)
class Box:
    """What is to be placed: its size, and the band that it lies in; bands are stacked in their order."""

    id: str
    width: float
    height: float
    band: int = 0


@dataclass(frozen=True)
class Edge:
    """A line from the lower side of one box, ``offset`` from its left, to the upper side of another."""

    source: str
    target: str
    offset: float


@dataclass(frozen=True)
class PlacedBox:
    """A box with its place: the upper left corner."""

    box: Box
    x: float
    y: float


Segment = tuple[float, float, float, float]


@dataclass(frozen=True)
class Layout:
    """A drawing's measures.

    Attributes:
        boxes: by their ids.
        routes: for each edge its hops, as x and y of where each begins and ends.
        bands: for each band its top and bottom.
        width: of the whole.
        height: of the whole.
    """

    boxes: dict[str, PlacedBox]
    routes: dict[Edge, list[Segment]]
    bands: dict[int, tuple[float, float]]
    width: float
    height: float


@dataclass
class _Grid:
    """The rows while they are ordered and placed. What passes a row is in it as if it were a narrow box."""

    rows: list[list[str]]
    width: dict[str, float]
    up: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    down: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    x: dict[str, float] = field(default_factory=dict)
    chains: dict[Edge, list[str]] = field(default_factory=dict)

    def add_link(self, upper: str, lower: str, offset: float) -> None:
        """Say that a line runs from one to the other; ``offset`` is from the middle of the upper one."""
        self.up[lower].append((upper, offset))
        self.down[upper].append((lower, -offset))


def compute_layout(
    boxes: Sequence[Box], edges: Sequence[Edge], max_width: float = 1060, header_height: float = 30
) -> Layout:
    """Place boxes in layers, each below all that it follows.

    Args:
        boxes: in an order in which each follows what leads to it; none in an earlier band than that.
        edges: between them.
        most: the width beyond which a layer is broken into several.
        head: the room above the first layer of a band.

    Example:
        >>> layout = compute_layout([Box("a", 40, 20), Box("b", 40, 20)], [Edge("a", "b", 20)])
        >>> layout.boxes["b"].y > layout.boxes["a"].y + 20
        True
    """
    of = {box.id: box for box in boxes}
    rows = _assign_rows(boxes, edges, max_width)
    grid = _Grid(rows, {box.id: box.width for box in boxes})
    _add_edges(grid, edges)
    _order_rows(grid)
    _position_rows(grid)
    return _build_layout(grid, of, edges, header_height)


def _assign_rows(boxes: Sequence[Box], edges: Sequence[Edge], max_width: float) -> list[list[str]]:
    """Longest path, band by band; a layer that is too wide becomes several."""
    parents: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        parents[edge.target].append(edge.source)
    layer: dict[str, int] = {}
    start = 0
    for band in sorted({box.band for box in boxes}):
        for box in (b for b in boxes if b.band == band):
            layer[box.id] = max([start, *(layer[p] + 1 for p in parents[box.id])])
        start = max(layer.values()) + 1
    layers: dict[int, list[Box]] = defaultdict(list)
    for box in boxes:
        layers[layer[box.id]].append(box)
    rows: list[list[str]] = []
    for number in sorted(layers):
        room = 0.0
        for box in layers[number]:
            room -= box.width + GAP_X
            if room < 0:
                rows.append([])
                room = max_width - box.width
            rows[-1].append(box.id)
    return rows


def _add_edges(grid: _Grid, edges: Sequence[Edge]) -> None:
    """Enter the lines; all that begin at one place of a box share what passes the layers between."""
    row = {name: i for i, names in enumerate(grid.rows) for name in names}
    last: dict[tuple[str, float], int] = {}
    for edge in edges:
        begin = edge.source, edge.offset
        last[begin] = max(last.get(begin, 0), row[edge.target])
    passes = sum(max(end - row[name] - 1, 0) for (name, _), end in last.items())
    for number, ((name, offset), end) in enumerate(last.items()):
        for i in range(row[name] + 1, end if passes <= _MAX_PASSES else 0):
            here = f"{number}|{i}"
            grid.rows[i].insert(len(grid.rows[i]) // 2, here)
            grid.width[here] = _PASS_WIDTH
            above = f"{number}|{i - 1}" if i > row[name] + 1 else name
            grid.add_link(above, here, offset - grid.width[name] / 2 if above == name else 0.0)
    numbers = {begin: number for number, begin in enumerate(last)}
    for edge in edges:
        number, offset = numbers[edge.source, edge.offset], edge.offset - grid.width[edge.source] / 2
        between = range(row[edge.source] + 1, row[edge.target] if passes <= _MAX_PASSES else 0)
        grid.chains[edge] = chain = [f"{number}|{i}" for i in between]
        grid.add_link(chain[-1] if chain else edge.source, edge.target, 0.0 if chain else offset)


def _order_rows(grid: _Grid) -> None:
    """Order each row by the middle of what its members are linked to, downwards and upwards in turn."""
    place = {name: i / max(len(row), 1) for row in grid.rows for i, name in enumerate(row)}

    def middle(name: str, near: Mapping[str, list[tuple[str, float]]]) -> float:
        found = [place[other] + offset * 1e-4 for other, offset in near[name]]
        return sum(found) / len(found) if found else place[name]

    for sweep in range(_SWEEPS):
        rows, near = (grid.rows, grid.up) if sweep % 2 == 0 else (grid.rows[::-1], grid.down)
        for row in rows:
            wanted = {name: middle(name, near) for name in row}
            row.sort(key=wanted.__getitem__)
            place.update({name: i / len(row) for i, name in enumerate(row)})


def _position_rows(grid: _Grid) -> None:
    """Give each member of a row its middle: as near to what it is linked to as its neighbours let it."""
    for row in grid.rows:
        x = 0.0
        for name in row:
            grid.x[name] = x + grid.width[name] / 2
            x += grid.width[name] + GAP_X
    for sweep in range(
        _SWEEPS
    ):  # the last one downwards, so that what follows one thing alone is right below it
        near, rows = (grid.down, grid.rows[::-1]) if sweep % 2 else (grid.up, grid.rows)
        for row in rows:
            _fit_row(grid, row, near)
    left = min(grid.x[name] - grid.width[name] / 2 for row in grid.rows for name in row)
    grid.x = {name: x - left for name, x in grid.x.items()}


def _fit_row(grid: _Grid, row: Sequence[str], neighbours: Mapping[str, list[tuple[str, float]]]) -> None:
    """Least squares under the order and the gaps: neighbours that would overlap become one block."""
    blocks: list[tuple[float, float, int]] = []
    shift, shifts = 0.0, []
    for i, name in enumerate(row):
        if i:
            shift += (grid.width[row[i - 1]] + grid.width[name]) / 2 + GAP_X
        shifts.append(shift)
        found = [grid.x[other] + offset for other, offset in neighbours[name]]
        mean, many = (sum(found) / len(found) if found else grid.x[name]) - shift, 1
        weight = _STRAIGHT_WEIGHT if grid.width[name] == _PASS_WIDTH else 1.0
        while blocks and blocks[-1][0] > mean:
            other, more, others = blocks.pop()
            mean, weight, many = (
                (mean * weight + other * more) / (weight + more),
                weight + more,
                many + others,
            )
        blocks.append((mean, weight, many))
    means = [mean for mean, _, many in blocks for _ in range(many)]
    grid.x.update({name: mean + s for name, mean, s in zip(row, means, shifts, strict=True)})


def _build_layout(
    grid: _Grid, box_by_id: Mapping[str, Box], edges: Sequence[Edge], header_height: float
) -> Layout:
    boxes: dict[str, PlacedBox] = {}
    tops: dict[str, tuple[float, float]] = {}
    bands: dict[int, tuple[float, float]] = {}
    y = 0.0
    for row in grid.rows:
        inside = [box_by_id[name] for name in row if name in box_by_id]
        band, tall = inside[0].band, max(box.height for box in inside)
        if band not in bands:
            y += header_height if not bands else header_height + 10
        begin = bands[band][0] if band in bands else y - header_height
        bands[band] = begin, y + tall + 12
        tops.update(dict.fromkeys(row, (y, y + tall)))
        boxes.update({b.id: PlacedBox(b, grid.x[b.id] - b.width / 2, y) for b in inside})
        y += tall + GAP_Y
    routes = _route_edges(grid, boxes, tops, edges)
    width = max(grid.x[name] + grid.width[name] / 2 for row in grid.rows for name in row)
    return Layout(boxes, routes, bands, width, max(bottom for _, bottom in bands.values()))


def _route_edges(
    grid: _Grid,
    boxes: Mapping[str, PlacedBox],
    extents: Mapping[str, tuple[float, float]],
    edges: Sequence[Edge],
) -> dict[Edge, list[Segment]]:
    """Each edge from hop to hop; where several reach a box, they end side by side."""
    ends: dict[str, list[tuple[float, Edge]]] = defaultdict(list)
    for edge in edges:
        chain = grid.chains[edge]
        before = grid.x[chain[-1]] if chain else boxes[edge.source].x + edge.offset
        ends[edge.target].append((before, edge))
    port: dict[Edge, float] = {}
    for name, found in ends.items():
        found.sort(key=lambda pair: pair[0])
        step = min(_PORT_GAP, (boxes[name].box.width - 20) / len(found))
        first = grid.x[name] - step * (len(found) - 1) / 2
        port.update({edge: first + i * step for i, (_, edge) in enumerate(found)})
    routes = {}
    for edge in edges:
        source, target = boxes[edge.source], boxes[edge.target]
        x, y, floor = source.x + edge.offset, source.y + source.box.height, extents[edge.source][1]
        hops = [(x, y, x, floor)] if floor > y else []
        y = floor
        for here in grid.chains[edge]:
            at, (top, bottom) = grid.x[here], extents[here]
            hops += [(x, y, at, top), (at, top, at, bottom)]
            x, y = at, bottom
        routes[edge] = [*hops, (x, y, port[edge], target.y)]
    return routes
