"""Pictures as Mermaid text, for a README."""

from __future__ import annotations

from dataclasses import replace

from magical.errors import shorten
from magical.views.picture import DataNode, Picture, StepNode

__all__ = ["render_mermaid"]

_STYLES = {
    "fresh": "stroke:#2e7d32",
    "stale": "stroke:#b26a00,stroke-width:2px",
    "unwritten": "stroke:#8250df,stroke-dasharray:5 4",
    "pretended": "stroke:#bf3989,stroke-dasharray:5 4",
    "failed": "stroke:#c62828,stroke-width:3px",
    "left out": "stroke-dasharray:2 3",
    "unused": "stroke-dasharray:2 3",
}
_SAFE_CHARACTERS = set(" _-+.,:!?=/'*~^@[]()")
_NODE_WIDTH, _EDGE_WIDTH = 60, 40


def render_mermaid(picture: Picture) -> str:
    """Render a picture as Mermaid text: steps are boxes, data are round, groups are framed.

    Data without a name that go to a single step are written on the arrow to it. The states ``to run`` and
    ``waits`` are not shown.

    Example:
        >>> from magical.graph import Graph, Node
        >>> from magical.views.picture import StepStatus, build_picture
        >>> node = Node("clean", "workflow:clean", "rows", "", {}, {"kind": "table", "text": "Frame"})
        >>> print(render_mermaid(build_picture(Graph("flow", (node,)), {"clean": StepStatus("waits")})))
        flowchart TD
            s0["clean"] --> d0(["rows<br/>Frame"])
    """
    on_arrows = {i: d for i, d in picture.data.items() if not d.name and len(picture.consumers[i]) == 1}
    lines = ["flowchart TD"]
    for group, steps in picture.groups.items():
        inside = [f"    {_render_step(step, on_arrows)}" for step in steps]
        framed = [f"    subgraph {group}", *(f"    {line}" for line in inside), "    end"]
        lines += inside if len(picture.groups) == 1 else framed
    for step in picture.steps:
        lines += _render_arrows(step, picture, on_arrows)
    used = {_styled_state(step) for step in picture.steps}
    lines += [f"    classDef {_css_class(s)} {style}" for s, style in _STYLES.items() if s in used]
    return "\n".join(lines)


def _render_step(step: StepNode, on_arrows: dict[str, DataNode]) -> str:
    left, right = ("[/", "/]") if step.writes else ("[", "]")
    state = _styled_state(step)
    words = replace(step.status, state=state).label
    second = f"<br/><small>{_escape(words, _NODE_WIDTH)}</small>" if words else ""
    style = f":::{_css_class(state)}" if state else ""
    text = f'{step.id}{left}"{_escape(step.name, _NODE_WIDTH)}{second}"{right}{style}'
    data = [_render_data(d) for d in step.outputs if d.id not in on_arrows]
    return f"{text} --> {' & '.join(data)}" if data else text


def _render_data(data: DataNode) -> str:
    texts = [data.name] * bool(data.name) + [data.promise]
    return f'{data.id}(["{"<br/>".join(_escape(t, _NODE_WIDTH) for t in texts)}"])'


def _render_arrows(step: StepNode, picture: Picture, on_arrows: dict[str, DataNode]) -> list[str]:
    """Render the arrows to a step; data of ``on_arrows`` become the label of their arrow."""
    plain = [source for source in step.inputs if source not in on_arrows]
    lines = [f"    {' & '.join(plain)} --> {step.id}"] if plain else []
    for source in step.inputs:
        if source in on_arrows:
            label = _escape(on_arrows[source].promise, _EDGE_WIDTH)
            lines.append(f'    {picture.producers[source].id} -->|"{label}"| {step.id}')
    return lines


def _styled_state(step: StepNode) -> str:
    """Return the state of a step if Mermaid text shows it; else the empty text."""
    return step.status.state if step.status.state in _STYLES else ""


def _css_class(state: str) -> str:
    return state.replace(" ", "_")


def _escape(text: str, width: int) -> str:
    """Escape a text that may come from data: it must not act as a directive, markup, code or a formula."""
    return "".join(c if c.isalnum() or c in _SAFE_CHARACTERS else f"#{ord(c)};" for c in shorten(text, width))
