"""A layered layout of boxes and lines, from top to bottom: few crossings, no overlaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Box", "Edge", "Layout", "PlacedBox", "compute_layout"]

GAP_X, GAP_Y = 26.0, 34.0
_PASS_WIDTH = 6.0  # of a line where it passes a layer
_MAX_PASSES = 3000  # beyond so many, lines are drawn straight and may run behind boxes, to save time
_SWEEPS = 9  # an odd number, so that the last one runs downwards
_PORT_GAP = 14.0
_STRAIGHT_WEIGHT = 4.0  # of a straight line, relative to a box that is centred on its inputs


@dataclass(frozen=True)
class Box:
    """A box to be placed: its size, and its band; bands are stacked in their order."""

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
    """A box, and the coordinates of its upper left corner."""

    box: Box
    x: float
    y: float


Segment = tuple[float, float, float, float]


@dataclass(frozen=True)
class Layout:
    """The coordinates of a drawing.

    Attributes:
        boxes: by their ids.
        routes: the hops of each edge; a hop has the x and y of its begin and its end.
        bands: the top and bottom of each band.
    """

    boxes: dict[str, PlacedBox]
    routes: dict[Edge, list[Segment]]
    bands: dict[int, tuple[float, float]]
    width: float
    height: float


@dataclass
class _Grid:
    """The rows while they are ordered and placed; a line that passes a row is a narrow box in it."""

    rows: list[list[str]]
    width: dict[str, float]
    up: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    down: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    x: dict[str, float] = field(default_factory=dict)
    chains: dict[Edge, list[str]] = field(default_factory=dict)

    def add_link(self, upper: str, lower: str, offset: float) -> None:
        """Add a line between neighbouring rows; ``offset`` is from the middle of the upper box."""
        self.up[lower].append((upper, offset))
        self.down[upper].append((lower, -offset))


def compute_layout(
    boxes: Sequence[Box], edges: Sequence[Edge], max_width: float = 1060, header_height: float = 30
) -> Layout:
    """Place boxes in layers, each below all boxes with an edge to it.

    Args:
        boxes: in topological order; no edge leads to an earlier band.
        max_width: a wider layer is broken into several.
        header_height: the room above the first layer of a band.

    Example:
        >>> layout = compute_layout([Box("a", 40, 20), Box("b", 40, 20)], [Edge("a", "b", 20)])
        >>> layout.boxes["b"].y > layout.boxes["a"].y + 20
        True
    """
    # The method of Sugiyama: layers, dummy boxes for long edges, order by barycentres, then coordinates.
    grid = _Grid(_assign_rows(boxes, edges, max_width), {box.id: box.width for box in boxes})
    _add_edges(grid, edges)
    _order_rows(grid)
    _position_rows(grid)
    return _build_layout(grid, {box.id: box for box in boxes}, edges, header_height)


def _assign_rows(boxes: Sequence[Box], edges: Sequence[Edge], max_width: float) -> list[list[str]]:
    """Assign boxes to rows by their longest path, band by band; a layer that is too wide becomes several."""
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
    """Add the lines, with narrow boxes in the rows that they pass; lines from one port share these."""
    row = {name: i for i, names in enumerate(grid.rows) for name in names}
    last: dict[tuple[str, float], int] = {}  # the lowest row that each port reaches
    for edge in edges:
        port = edge.source, edge.offset
        last[port] = max(last.get(port, 0), row[edge.target])
    passes = sum(max(end - row[name] - 1, 0) for (name, _), end in last.items())
    for number, ((name, offset), end) in enumerate(last.items()):
        for i in range(row[name] + 1, end if passes <= _MAX_PASSES else 0):
            passing = f"{number}|{i}"
            grid.rows[i].insert(len(grid.rows[i]) // 2, passing)
            grid.width[passing] = _PASS_WIDTH
            above = f"{number}|{i - 1}" if i > row[name] + 1 else name
            grid.add_link(above, passing, offset - grid.width[name] / 2 if above == name else 0.0)
    numbers = {port: number for number, port in enumerate(last)}
    for edge in edges:
        number, offset = numbers[edge.source, edge.offset], edge.offset - grid.width[edge.source] / 2
        between = range(row[edge.source] + 1, row[edge.target] if passes <= _MAX_PASSES else 0)
        grid.chains[edge] = chain = [f"{number}|{i}" for i in between]
        grid.add_link(chain[-1] if chain else edge.source, edge.target, 0.0 if chain else offset)


def _order_rows(grid: _Grid) -> None:
    """Order each row by the mean place of its neighbours, downwards and upwards in turn."""
    place = {name: i / max(len(row), 1) for row in grid.rows for i, name in enumerate(row)}

    def middle(name: str, near: Mapping[str, list[tuple[str, float]]]) -> float:
        # The offset only breaks ties between lines of one box.
        places = [place[other] + offset * 1e-4 for other, offset in near[name]]
        return sum(places) / len(places) if places else place[name]

    for sweep in range(_SWEEPS):
        rows, near = (grid.rows, grid.up) if sweep % 2 == 0 else (grid.rows[::-1], grid.down)
        for row in rows:
            wanted = {name: middle(name, near) for name in row}
            row.sort(key=wanted.__getitem__)
            place.update({name: i / len(row) for i, name in enumerate(row)})


def _position_rows(grid: _Grid) -> None:
    """Compute the middle of each box: as near to its neighbours above or below as the row allows."""
    for row in grid.rows:
        x = 0.0
        for name in row:
            grid.x[name] = x + grid.width[name] / 2
            x += grid.width[name] + GAP_X
    # The last sweep runs downwards, so that a box with a single input is right below it.
    for sweep in range(_SWEEPS):
        near, rows = (grid.down, grid.rows[::-1]) if sweep % 2 else (grid.up, grid.rows)
        for row in rows:
            _fit_row(grid, row, near)
    left = min(grid.x[name] - grid.width[name] / 2 for row in grid.rows for name in row)
    grid.x = {name: x - left for name, x in grid.x.items()}


def _fit_row(grid: _Grid, row: Sequence[str], neighbours: Mapping[str, list[tuple[str, float]]]) -> None:
    """Fit a row to its neighbours by least squares, with the order and the gaps kept."""
    # Isotonic regression: members that would overlap are pooled into one block with their weighted mean.
    blocks: list[tuple[float, float, int]] = []
    shift, shifts = 0.0, []
    for i, name in enumerate(row):
        if i:
            shift += (grid.width[row[i - 1]] + grid.width[name]) / 2 + GAP_X
        shifts.append(shift)
        wanted = [grid.x[other] + offset for other, offset in neighbours[name]]
        mean, size = (sum(wanted) / len(wanted) if wanted else grid.x[name]) - shift, 1
        weight = _STRAIGHT_WEIGHT if grid.width[name] == _PASS_WIDTH else 1.0
        while blocks and blocks[-1][0] > mean:
            block_mean, block_weight, block_size = blocks.pop()
            total = weight + block_weight
            mean, weight = (mean * weight + block_mean * block_weight) / total, total
            size += block_size
        blocks.append((mean, weight, size))
    means = [mean for mean, _, size in blocks for _ in range(size)]
    grid.x.update({name: mean + s for name, mean, s in zip(row, means, shifts, strict=True)})


def _build_layout(
    grid: _Grid, box_by_id: Mapping[str, Box], edges: Sequence[Edge], header_height: float
) -> Layout:
    """Compute the coordinates of boxes, bands and edges from rows with known x positions."""
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
    """Route each edge from hop to hop; the edges that reach a box end side by side."""
    ends: dict[str, list[tuple[float, Edge]]] = defaultdict(list)
    for edge in edges:
        chain = grid.chains[edge]
        before = grid.x[chain[-1]] if chain else boxes[edge.source].x + edge.offset
        ends[edge.target].append((before, edge))
    port: dict[Edge, float] = {}
    for name, incoming in ends.items():
        incoming.sort(key=lambda pair: pair[0])  # from left to right, so that they do not cross at the end
        step = min(_PORT_GAP, (boxes[name].box.width - 20) / len(incoming))
        first = grid.x[name] - step * (len(incoming) - 1) / 2
        port.update({edge: first + i * step for i, (_, edge) in enumerate(incoming)})
    routes = {}
    for edge in edges:
        source, target = boxes[edge.source], boxes[edge.target]
        x, y, floor = source.x + edge.offset, source.y + source.box.height, extents[edge.source][1]
        hops = [(x, y, x, floor)] if floor > y else []
        y = floor
        for passing in grid.chains[edge]:
            middle, (top, bottom) = grid.x[passing], extents[passing]
            hops += [(x, y, middle, top), (middle, top, middle, bottom)]
            x, y = middle, bottom
        routes[edge] = [*hops, (x, y, port[edge], target.y)]
    return routes
