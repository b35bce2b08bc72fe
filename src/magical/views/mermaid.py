"""A picture as Mermaid text, for a README."""

from __future__ import annotations

from dataclasses import replace

from magical.errors import shorten
from magical.views.picture import DataNode, Picture, StepNode

__all__ = ["mermaid_text"]

_STYLES = {
    "fresh": "stroke:#2e7d32",
    "stale": "stroke:#b26a00,stroke-width:2px",
    "unwritten": "stroke:#8250df,stroke-dasharray:5 4",
    "pretended": "stroke:#bf3989,stroke-dasharray:5 4",
    "failed": "stroke:#c62828,stroke-width:3px",
    "left out": "stroke-dasharray:2 3",
    "unused": "stroke-dasharray:2 3",
}
_SAFE = set(" _-+.,:!?=/'*~^@[]()")
_NODE, _EDGE = 60, 40


def mermaid_text(picture: Picture) -> str:
    """Give a picture as Mermaid text: steps are boxes, data are round, groups are framed.

    Data that have no name in the workflow and go to one step alone are written on the arrow to it. States are
    shown where they say something: not that a step has never run, nor that it waits for one that is shown.

    Example:
        >>> from magical.graph import Graph, Node
        >>> from magical.views.picture import picture
        >>> from magical.views.state_marks import Standing
        >>> node = Node("clean", "workflow:clean", "rows", "", {}, {"kind": "table", "text": "Frame"})
        >>> print(mermaid_text(picture(Graph("flow", (node,)), {"clean": Standing("waits")})))
        flowchart TD
            s0["clean"] --> d0(["rows<br/>Frame"])
    """
    on_arrows = {i: d for i, d in picture.data.items() if not d.name and len(picture.takers[i]) == 1}
    lines = ["flowchart TD"]
    for group, steps in picture.groups.items():
        own = [f"    {_step(step, on_arrows)}" for step in steps]
        lines += own if len(picture.groups) == 1 else _framed(group, own)
    for step in picture.steps:
        lines += _arrows(step, picture, on_arrows)
    there = {_state(step) for step in picture.steps}
    lines += [f"    classDef {_class(state)} {style}" for state, style in _STYLES.items() if state in there]
    return "\n".join(lines)


def _framed(group: str, lines: list[str]) -> list[str]:
    return [f"    subgraph {group}", *(f"    {line}" for line in lines), "    end"]


def _step(step: StepNode, on_arrows: dict[str, DataNode]) -> str:
    left, right = ("[/", "/]") if step.writes else ("[", "]")
    state = _state(step)
    words = replace(step.standing, state=state).words
    second = f"<br/><small>{_escaped(words, _NODE)}</small>" if words else ""
    style = f":::{_class(state)}" if state else ""
    text = f'{step.id}{left}"{_escaped(step.name, _NODE)}{second}"{right}{style}'
    data = [_data(d) for d in step.gives if d.id not in on_arrows]
    return f"{text} --> {' & '.join(data)}" if data else text


def _data(data: DataNode) -> str:
    texts = [data.name] * bool(data.name) + [data.promise]
    return f'{data.id}(["{"<br/>".join(_escaped(t, _NODE) for t in texts)}"])'


def _arrows(step: StepNode, picture: Picture, on_arrows: dict[str, DataNode]) -> list[str]:
    plain = [source for source in step.takes if source not in on_arrows]
    lines = [f"    {' & '.join(plain)} --> {step.id}"] if plain else []
    for source in step.takes:
        if source in on_arrows:
            label = _escaped(on_arrows[source].promise, _EDGE)
            lines.append(f'    {picture.makers[source].id} -->|"{label}"| {step.id}')
    return lines


def _state(step: StepNode) -> str:
    return step.standing.state if step.standing.state in _STYLES else ""


def _class(state: str) -> str:
    return state.replace(" ", "_")


def _escaped(text: str, width: int) -> str:
    """What a name from data holds is text, never a directive, markup, code or a formula."""
    return "".join(c if c.isalnum() or c in _SAFE else f"#{ord(c)};" for c in shorten(text, width))
