"""Pictures as SVG, for a page and for notebooks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from html import escape

from magical.errors import shorten
from magical.views.column_text import describe_data
from magical.views.layout import Box, Edge, Layout, PlacedBox, Segment, compute_layout
from magical.views.picture import GROUPS, DataNode, Picture, StepNode, sanitize_text

__all__ = ["STYLE", "render_svg", "state_class"]

_CHARACTER_WIDTH, _LINE_HEIGHT, _PADDING, _MARGIN = 7.3, 16.0, 12.0, 14.0
_LINK_HEIGHT, _PILL_GAP = 14.0, 10.0
_MAX_CHARACTERS = 30
_MIN_SCALE = 0.62  # a drawing shrinks so far on a narrow page, and scrolls sideways beyond that

STYLE = """
.magical svg{display:block;max-width:100%;height:auto;background:var(--ground)}
.magical svg text{fill:var(--ink);
font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.magical .m-band{fill:var(--band);stroke:none}
.magical svg .m-group{fill:var(--faint);font-weight:600}
.magical .m-edge{fill:none;stroke:var(--line);stroke-width:1.3}
.magical .m-step rect{fill:var(--step);stroke:var(--line)}
.magical .m-data rect{fill:var(--data);stroke:var(--round)}
.magical .m-data.m-returned rect{stroke-width:2.5}
.magical .m-step.m-unwritten rect,.magical .m-step.m-pretended rect,
.magical .m-unreal rect{stroke-dasharray:5 3}
.magical .m-step.m-unused rect,.magical .m-step.m-left-out rect{stroke-dasharray:2 3}
.magical svg .m-small{fill:var(--faint);font-size:11px}
.magical a{color:var(--run)}
.magical a:focus-visible rect{stroke:var(--ink);stroke-width:3}
.magical .m-fresh{--state:var(--fresh)}.magical .m-stale{--state:var(--stale)}
.magical .m-to-run{--state:var(--run)}
.magical .m-unwritten{--state:var(--unwritten)}.magical .m-pretended{--state:var(--pretended)}
.magical .m-failed{--state:var(--failed)}
.magical svg .m-state{fill:var(--state,var(--faint));font-size:11px}
.magical .m-step .m-bar{fill:var(--state,var(--faint));stroke:none}
""".strip()


def render_svg(picture: Picture, link: Callable[[DataNode], str] = lambda data: "") -> str:
    """Render a picture as an SVG element.

    Args:
        link: returns the address of the contracts of data on the same page; empty for none.

    Example:
        >>> from magical.graph import Graph, Node
        >>> from magical.views.picture import build_picture
        >>> node = Node("<b>", "workflow:clean", "rows", "", {}, {"kind": "table", "text": "Frame"})
        >>> "<b>" in render_svg(build_picture(Graph("flow", (node,))))
        False
    """
    blocks = {step.id: _StepBlock(step) for step in picture.steps}
    boxes = [Box(s.id, blocks[s.id].width, blocks[s.id].height, GROUPS.index(s.group)) for s in picture.steps]
    edges: dict[Edge, tuple[str, str]] = {}
    for step in picture.steps:
        for source in step.inputs:
            producer = picture.producers[source].id
            edges[Edge(producer, step.id, blocks[producer].port_offset(source))] = source, step.id
    layout = compute_layout(boxes, list(edges))
    wide = max(layout.width, *(_estimate_width(g) for g in GROUPS)) + 2 * _MARGIN
    body = [
        *_render_bands(layout, wide),
        *(_render_edge(layout.routes[e], *ends) for e, ends in edges.items()),
    ]
    for step in picture.steps:
        body += blocks[step.id].render(layout.boxes[step.id], link)
    label = escape(f"{picture.workflow}: {len(picture.steps)} steps and their data")
    box = f"{-_MARGIN:.0f} 0 {wide:.0f} {layout.height + 2:.0f}"
    size = f'width="{wide:.0f}" height="{layout.height + 2:.0f}" viewBox="{box}"'
    least = f'style="min-width:{_MIN_SCALE * wide:.0f}px"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-label="{label}" {size} {least}>'
    legend = "Steps are boxes, data are round; a line leads from data to the step that takes them."
    return "\n".join([head, f"<title>{label}</title><desc>{legend}</desc>", *body, "</svg>"])


def state_class(state: str) -> str:
    """Return the CSS class that colours a state.

    Example:
        >>> state_class("to run")
        'm-to-run'
    """
    return f"m-{state.replace(' ', '-')}" if state else ""


class _StepBlock:
    """A step with its data below it, as one box of the layout."""

    def __init__(self, step: StepNode) -> None:
        self.step = step
        self.name, self.status_label = _shorten_text(step.name), step.status.label
        widest = max(_estimate_width(self.name), _estimate_width(f"  {self.status_label}"))
        self.step_width = widest + 2 * _PADDING
        self.step_height = _LINE_HEIGHT * (2 if self.status_label else 1) + 12
        self.pill_texts = [[_shorten_text(t) for t in (d.name, d.promise) if t] for d in step.outputs]
        self.pill_widths = [max(map(_estimate_width, texts)) + 2 * _PADDING + 4 for texts in self.pill_texts]
        self.pills_width = sum(self.pill_widths) + _PILL_GAP * max(len(self.pill_widths) - 1, 0)
        self.width = max(self.step_width, self.pills_width)
        lines = max((len(texts) for texts in self.pill_texts), default=0)
        self.pill_height = _LINE_HEIGHT * lines + 8
        self.height = self.step_height + (_LINK_HEIGHT + self.pill_height if lines else 0)

    def port_offset(self, source: str) -> float:
        """Return the x offset where lines from the data ``source`` begin; the middle without data."""
        for data, middle in zip(self.step.outputs, self._pill_centres(), strict=True):
            if data.id == source:
                return middle
        return self.width / 2

    def render(self, place: PlacedBox, link: Callable[[DataNode], str]) -> Iterator[str]:
        """Render the block at its place."""
        x, y, step = place.x, place.y, self.step
        left = x + (self.width - self.step_width) / 2
        floor = y + self.step_height + _LINK_HEIGHT
        for data, middle in zip(step.outputs, self._pill_centres(), strict=True):
            hop = (x + self.width / 2, y + self.step_height, x + middle, floor)
            yield _render_edge([hop], step.id, data.id)
        yield f'<g class="m-step {state_class(step.status.state)}" data-id="{step.id}">'
        yield f"<title>{escape(_make_tooltip(step))}</title>"
        yield _render_rect(left, y, self.step_width, self.step_height, 'rx="3"')
        yield _render_rect(left, y, 4, self.step_height, 'class="m-bar"')
        yield _render_text(left + _PADDING, y + 18, self.name)
        if self.status_label:
            status = f"{step.status.marks.strip()} {self.status_label}"
            yield _render_text(left + _PADDING, y + 18 + _LINE_HEIGHT, status, "m-state")
        yield "</g>"
        for data, texts, middle, wide in zip(
            step.outputs, self.pill_texts, self._pill_centres(), self.pill_widths, strict=True
        ):
            yield from self._render_pill(data, texts, (x + middle - wide / 2, floor, wide), link(data))

    def _render_pill(
        self, data: DataNode, texts: list[str], place: tuple[float, float, float], address: str
    ) -> Iterator[str]:
        """Render data of the step as a round box, with a link if there is an address."""
        x, y, wide = place
        tooltip = describe_data(data) + "\nthe workflow returns it" * data.returned
        unreal = self.step.status.is_unreal or self.step.status.state == "pretended"
        classes = "m-data" + " m-returned" * data.returned + " m-unreal" * unreal
        yield f'<a href="{escape(address)}">' if address else "<g>"
        yield f'<g class="{classes}" data-id="{data.id}"><title>{escape(tooltip)}</title>'
        yield _render_rect(x, y, wide, self.pill_height, f'rx="{min(self.pill_height / 2, 16):.0f}"')
        for i, text in enumerate(texts):
            style = "" if i == 0 and data.name else "m-small"
            yield _render_text(x + _PADDING + 2, y + 16 + i * _LINE_HEIGHT, text, style)
        yield "</g></a>" if address else "</g></g>"

    def _pill_centres(self) -> list[float]:
        x, middles = (self.width - self.pills_width) / 2, []
        for wide in self.pill_widths:
            middles.append(x + wide / 2)
            x += wide + _PILL_GAP
        return middles


def _make_tooltip(step: StepNode) -> str:
    origin = ", ".join(map(sanitize_text, step.status.origin))
    verb = "are" if len(step.status.origin) > 1 else "is"
    unreal = f"stands on {origin}, which {verb} not real" if origin else ""
    lines = [step.name, step.status.state, unreal, f"gives {step.promise}", step.where]
    return "\n".join(filter(None, lines))


def _render_bands(layout: Layout, width: float) -> Iterator[str]:
    """Render the background and the name of each band; nothing if there is only one."""
    if len(layout.bands) < 2:
        return
    for band, (top, bottom) in layout.bands.items():
        place = f'x="{8 - _MARGIN:.1f}" y="{top + 2:.1f}"'
        size = f'width="{width - 16:.1f}" height="{bottom - top:.1f}"'
        yield f'<rect class="m-band" rx="6" {place} {size}/>'
        yield _render_text(14 - _MARGIN, top + 18, GROUPS[band], "m-group")


def _render_edge(hops: Sequence[Segment], source: str, target: str) -> str:
    """Render a line from hop to hop: vertical ones straight, others curved."""
    x, y, *_ = hops[0]
    path = f"M{x:.1f} {y:.1f}"
    for x0, y0, x1, y1 in hops:
        middle = (y0 + y1) / 2
        curve = f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
        path += f"V{y1:.1f}" if x0 == x1 else curve
    return f'<path class="m-edge" data-from="{source}" data-to="{target}" d="{path}"/>'


def _render_rect(x: float, y: float, width: float, height: float, attributes: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {attributes}/>'


def _render_text(x: float, y: float, text: str, style: str = "") -> str:
    marked = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{marked}>{escape(text)}</text>'


def _shorten_text(text: str) -> str:
    return shorten(text, _MAX_CHARACTERS)


def _estimate_width(text: str) -> float:
    """Estimate the largest width of a text, without a font to measure it."""
    # Wide, full-width and ambiguous characters: fonts differ on the last ones, so they count double too.
    wide = sum(unicodedata.east_asian_width(c) in "WFA" and not c.isascii() for c in text)
    return _CHARACTER_WIDTH * (len(text) + wide)
