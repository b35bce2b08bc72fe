"""Small HTML tables by which objects show themselves in a notebook; every text is escaped and masked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from magical.masking import mask

__all__ = ["NotReal", "render_table"]

MAX_ROWS, MAX_TEXT = 200, 400


@dataclass(frozen=True)
class NotReal:
    """A figure that depends on a pretence or a sample, and why; it is struck through."""

    text: str
    why: str = ""


def render_table(
    title: str,
    rows: Iterable[Sequence[str | NotReal]],
    columns: Sequence[str] = (),
    notes: Iterable[str] = (),
) -> str:
    """Render a title, rows of texts below their column names, and notes, as a fragment of HTML.

    Example:
        >>> print(render_table("<shop>", [("rows", NotReal("40", "pretended"))]))
        <p><b>&lt;shop&gt;</b></p>
        <table><tbody>
        <tr><td>rows</td><td>not real: <s>40</s> (pretended)</td></tr>
        </tbody></table>
    """
    rows = list(rows)
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = [f"<p><b>{_to_html(title)}</b></p>"] if title else []
    lines.append(f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>")
    lines += [f"<tr>{''.join(f'<td>{_to_html(cell)}</td>' for cell in row)}</tr>" for row in rows[:MAX_ROWS]]
    lines.append("</tbody></table>")
    more = [f"and {len(rows) - MAX_ROWS:,} more"] if len(rows) > MAX_ROWS else []
    return "\n".join([*lines, *(f"<p>{_to_html(note)}</p>" for note in [*more, *notes])])


def _to_html(cell: str | NotReal) -> str:
    if isinstance(cell, NotReal):
        why = f" ({_to_html(cell.why)})" if cell.why else ""
        return f"not real: <s>{_to_html(cell.text)}</s>{why}"
    text = mask(cell)
    return escape(text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…")
