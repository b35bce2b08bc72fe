"""Pictures as HTML: one file without scripts and network, where every name is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape

from magical.masking import mask
from magical.views.column_text import COLUMN_HEADERS, make_column_rows
from magical.views.page_style import NOTEBOOK_THEME, render_html_page
from magical.views.picture import DataNode, Picture, StepNode, sanitize_text
from magical.views.state_marks import NOT_REAL, STATE_STYLES, count_states
from magical.views.svg import STYLE, render_svg, state_class

__all__ = ["render_figure", "render_page", "render_text"]

_STYLE = """
body{margin:0 auto;max-width:1200px;padding:16px;font:15px/1.5 system-ui,sans-serif;
background:var(--ground);color:var(--ink)}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}p{margin:.2rem 0}
.scroll{overflow-x:auto;max-width:100%}.scroll svg{margin:0 auto}
.scroll:focus-visible{outline:2px solid var(--run)}
table{border-collapse:collapse;font-size:.87rem}
th,td{text-align:left;vertical-align:top;padding:.25rem .7rem .25rem 0;border-bottom:1px solid var(--band)}
summary,li,p,dd,h1{overflow-wrap:anywhere}td{overflow-wrap:break-word;max-width:26rem}
.state{color:var(--state,var(--faint))}
dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .8rem;font-size:.87rem}
dd{margin:0}summary{cursor:pointer;padding:.2rem 0}:target{outline:2px solid var(--round)}
ul{padding-left:1.2rem}
@media (max-width:860px){thead{display:none}table,tbody,tr,td{display:block;max-width:100%}
tr{padding:.4rem 0;border-bottom:1px solid var(--line)}
td{display:grid;grid-template-columns:6rem 1fr;border:0;padding:.05rem 0;overflow-wrap:anywhere}
td::before{content:attr(data-head);color:var(--faint)}td:empty{display:none}}
""".strip()


def render_page(picture: Picture, when: str = "") -> str:
    """Render a picture as a whole HTML page, with its steps and contracts; ``when`` is their time."""
    contracts = _group_by_contract(picture)
    anchors = {d.id: f"#contract-{i}" for i, same in enumerate(contracts) for d in same}
    title = escape(picture.workflow)
    counts = count_states(s.status for s in picture.steps)
    summary = ", ".join(filter(None, [f"{len(picture.steps)} steps", counts])) + f" ({when})" * bool(when)
    body = [
        f"<header><h1>{title}</h1><p>{escape(summary)}</p></header><main>",
        f'<div class="scroll" tabindex="0" role="region" aria-label="Drawing of {title}">',
        render_svg(picture, lambda data: anchors.get(data.id, "")),
        "</div>",
        *_render_notes(picture),
        *_render_legend(picture),
        *_render_steps(picture, anchors),
        *_render_contracts(contracts),
        "</main>",
    ]
    return render_html_page(picture.workflow, f"{STYLE}\n{_STYLE}", "\n".join(body))


def render_figure(picture: Picture) -> str:
    """Render a picture as a fragment of HTML, for a notebook."""
    notes = "".join(f"<p>{escape(note)}</p>" for note in picture.notes)
    drawn = render_svg(picture)
    body = f'<div class="magical" style="overflow-x:auto">{drawn}{notes}</div>'
    return f"<style>{NOTEBOOK_THEME}\n{STYLE}</style>{body}"


def render_text(text: str) -> str:
    """Render a text as HTML, where no picture can be drawn.

    Example:
        >>> render_text("<workflow flow>")
        '<pre>&lt;workflow flow&gt;</pre>'
    """
    return f"<pre>{escape(mask(text))}</pre>"


def _group_by_contract(picture: Picture) -> list[list[DataNode]]:
    """Group the data that have contracts: equal contracts are shown once."""
    groups: dict[str, list[DataNode]] = {}
    for data in picture.data.values():
        if data.contracts:
            groups.setdefault(json.dumps(data.contracts, sort_keys=True, default=str), []).append(data)
    return list(groups.values())


def _render_notes(picture: Picture) -> list[str]:
    lines = [f"<li>{escape(note)}</li>" for note in picture.notes]
    return ["<h2>To be seen to</h2><ul>", *lines, "</ul>"] if lines else []


def _render_legend(picture: Picture) -> list[str]:
    used = {s.status.state for s in picture.steps}
    rows = [
        f'<dt class="state {state_class(state)}">{style.mark} {state}</dt><dd>{escape(style.text)}</dd>'
        for state, style in STATE_STYLES.items()
        if state in used
    ]
    if picture.origin:
        origin = escape(", ".join(picture.origin))
        rows.append(f"<dt>{NOT_REAL} not real</dt><dd>it stands on what was not computed: {origin}</dd>")
    return ["<h2>States</h2><dl>", *rows, "</dl>"] if rows else []


def _render_steps(picture: Picture, anchors: dict[str, str]) -> list[str]:
    rows = []
    for step in picture.steps:
        links = ", ".join(_render_data_link(d, anchors.get(d.id, "")) for d in step.outputs)
        gives = f"<span>{links}</span>" if links else ""  # one element: a cell is a grid on a narrow page
        style = state_class(step.status.state)
        state = f'<span class="state {style}">{escape(_describe_status(step))}</span>'
        takes = escape(", ".join(picture.label(source) for source in step.inputs))
        rows.append(
            (escape(step.name), step.group, state, takes, gives, escape(step.promise), escape(step.where))
        )
    heads = ("step", "group", "state", "takes", "gives", "promise", "where")
    return ["<h2>Steps</h2>", *_render_table(heads, rows, "Steps")]


def _describe_status(step: StepNode) -> str:
    """Describe the status of a step, with the pretended and sampled steps that it depends on."""
    origin = ", ".join(map(sanitize_text, step.status.origin))
    return step.status.label + (f": stands on {origin}" if origin else "")


def _render_data_link(data: DataNode, address: str) -> str:
    text = escape(data.name or data.promise)
    return f'<a href="{address}">{text}</a>' if address else text


def _render_contracts(contracts: Sequence[list[DataNode]]) -> list[str]:
    """Render each contract as a table of its columns, with the data that have it."""
    lines = ["<h2>Contracts</h2>"] if contracts else []
    for number, same in enumerate(contracts):
        names = escape(", ".join(d.label for d in same))
        summary = f"{escape(same[0].promise)}: {names}"
        lines.append(f'<details><summary>{summary}</summary><div id="contract-{number}">')
        for contract in same[0].contracts:
            rows = [tuple(map(escape, row)) for row in make_column_rows(contract)]
            # Leave out columns that are empty in all rows, except name and type.
            kept = [i for i, _ in enumerate(COLUMN_HEADERS) if i < 2 or any(row[i] for row in rows)]
            label = f"Columns of {escape(sanitize_text(str(contract['contract'])))}"
            cells = [[row[i] for i in kept] for row in rows]
            lines += _render_table([COLUMN_HEADERS[i] for i in kept], cells, label)
            rules = escape(sanitize_text(", ".join(map(str, contract.get("rules", ())))))
            lines += [f"<p>Rules: {rules}</p>"] if rules else []
        lines.append("</div></details>")
    return lines


def _render_table(heads: Iterable[str], rows: Iterable[Iterable[str]], label: str) -> list[str]:
    """Render a table; its cells are HTML already."""
    heads = list(heads)
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    lines = ([f'<td data-head="{h}">{cell}</td>' for h, cell in zip(heads, row, strict=True)] for row in rows)
    body = [f"<tr>{''.join(cells)}</tr>" for cells in lines]
    begin = f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
    return [begin, f"<thead><tr>{head}</tr></thead><tbody>", *body, "</tbody></table></div>"]
