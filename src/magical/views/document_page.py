"""Documents as HTML: a whole page in one file, or a fragment for a notebook; every text is escaped."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import count, groupby
from pathlib import Path

from magical.errors import strip_control_characters
from magical.masking import mask
from magical.system.atomic_files import wrap_disk_errors
from magical.views.charts import draw_chart
from magical.views.document import (
    Block,
    Cell,
    Chart,
    Code,
    Details,
    Document,
    Drawing,
    Facts,
    Paragraph,
    Section,
    Table,
)
from magical.views.document_style import CHART_STYLE, DOCUMENT_STYLE, LAYOUT_STYLE
from magical.views.page_style import NOTEBOOK_THEME, render_html_page
from magical.views.state_marks import NOT_REAL
from magical.views.svg import STYLE

__all__ = ["render_document", "render_fragment", "write_document"]

_MINUS, _DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
_TONES = {"good": ("✓", "Good: "), "warning": ("!", "Warning: "), "bad": ("✗", "Bad: "), "faint": ("", "")}
_MIN_CONTENTS, _LONG_TABLE, _SCROLLED_TABLE, _WIDE_TABLE, _SHORT_CELL = 3, 15, 4, 8, 20
_TALL_CHART = 10
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:-\d{6}-[0-9a-f]{5})?")
"""A date, or the name of a run: a line is not broken at its hyphens."""


def render_document(document: Document) -> str:
    r"""Render a document as one HTML file, without scripts and network.

    Example:
        >>> page = render_document(Document("shop", sections=(Section("rows", "<Rows>"),)))
        >>> '<h2 id="rows">&lt;Rows&gt;</h2>' in page
        True
    """
    writer = _Writer(has_ids=True)
    sections = [line for section in document.sections for line in writer.render_section(section)]
    body = ['<a class="m-skip" href="#content">Skip to the content</a>', *_render_header(document)]
    if len(writer.contents) >= _MIN_CONTENTS:
        links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in writer.contents)
        body.append(f'<nav aria-label="Sections"><ol>{links}</ol></nav>')
    body += ['<main id="content" tabindex="-1">', *sections, "</main>"]
    style = "\n".join([*writer.styles, LAYOUT_STYLE])
    classes = "magical m-document" + " m-origin" * bool(document.origin)
    return render_html_page(_clean(document.title), style, "\n".join(body), classes)


def write_document(document: Document, path: str | Path) -> Path:
    """Write a document as one HTML file where a user asked for it, and return its absolute path.

    Raises:
        StoreError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> write_document(Document("shop"), f"{tempfile.mkdtemp()}/pages/shop.html").name
        'shop.html'
    """
    file = Path(path).expanduser().absolute()
    with wrap_disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(render_document(document), encoding="utf-8")  # in place: it may be a pipe
    return file


def render_fragment(document: Document) -> str:
    """Render a document as a fragment of HTML for a notebook, whose colours it follows; it has no ids.

    Example:
        >>> "<strong>shop</strong>" in render_fragment(Document("shop"))
        True
    """
    writer = _Writer(has_ids=False)
    sections = [line for section in document.sections for line in writer.render_section(section)]
    classes = "magical m-document m-fragment" + " m-origin" * bool(document.origin)
    body = [f'<div class="{classes}">', *_render_title(document), *sections, "</div>"]
    return "\n".join([f"<style>{NOTEBOOK_THEME}", *writer.styles, "</style>", *body])


def _clean(text: object) -> str:
    """Put a text on one line, with secrets masked."""
    return strip_control_characters(mask(str(text)))


def _escape(text: object) -> str:
    return escape(_clean(text))


def _escape_lines(text: str) -> str:
    return "\n".join(_escape(line) for line in mask(text).split("\n"))


def _join_dates(text: str) -> str:
    return _DATE.sub(r'<span class="m-date">\g<0></span>', text)


def _render_header(document: Document) -> Iterator[str]:
    yield f"<header><h1>{_escape(document.title)}</h1>"
    if document.subtitle:
        yield f'<p class="m-subtitle">{_escape(document.subtitle)}</p>'
    yield from _render_banner(document)
    yield "</header>"


def _render_title(document: Document) -> Iterator[str]:
    """Render the title in a notebook, whose headings are the author's."""
    subtitle = f' <span class="m-subtitle">{_escape(document.subtitle)}</span>' * bool(document.subtitle)
    yield f"<p><strong>{_escape(document.title)}</strong>{subtitle}</p>"
    yield from _render_banner(document)


def _render_banner(document: Document) -> Iterator[str]:
    if document.origin:
        names = _escape(", ".join(document.origin))
        text = f"It stands on what was pretended or sampled: {names}. No number here is a result."
        yield f'<p class="m-banner" role="note"><b>{NOT_REAL} Not real.</b> {text}</p>'
        yield '<p class="m-watermark" aria-hidden="true">not real</p>'


class _Writer:
    """Writes the sections of one document; ids are counted, so that no two are equal."""

    def __init__(self, has_ids: bool) -> None:
        self.contents: list[tuple[str, str]] = []
        self._has_ids = has_ids
        self._used = {"content"}
        self._has_chart = self._has_drawing = False

    @property
    def styles(self) -> list[str]:
        """The styles of what was written."""
        return [STYLE] * self._has_drawing + [DOCUMENT_STYLE] + [CHART_STYLE] * self._has_chart

    def render_section(self, section: Section) -> Iterator[str]:
        """Render a section below its heading; one that failed has its reason."""
        title = _escape(section.title)
        if self._has_ids:
            name = self._make_id(section.name)
            self.contents.append((name, title))
            yield f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>'
        else:
            yield f'<section aria-label="{title}"><p class="m-heading">{title}</p>'
        if section.failure:
            yield from self._render_paragraph(Paragraph(f"This could not be built: {section.failure}", "bad"))
        yield from self._render_blocks(section.blocks, section.title)
        yield "</section>"

    def _make_id(self, name: str) -> str:
        stem = re.sub(r"[^a-z0-9]+", "-", mask(name).lower()).strip("-") or "section"
        found = next(i for n in count(1) if (i := stem if n == 1 else f"{stem}-{n}") not in self._used)
        self._used.add(found)
        return found

    def _render_blocks(self, blocks: Sequence[Block], title: str) -> Iterator[str]:
        for is_chart, group in groupby(blocks, lambda b: isinstance(b, Chart)):
            if is_chart:
                yield '<div class="m-charts">'
            for block in group:
                yield from self._render_block(block, title)
            if is_chart:
                yield "</div>"

    def _render_block(self, block: Block, title: str) -> Iterator[str]:
        match block:
            case Paragraph():
                yield from self._render_paragraph(block)
            case Facts():
                pairs = "".join(f"<dt>{_escape(k)}</dt><dd>{_escape(v)}</dd>" for k, v in block.pairs)
                yield f"<dl>{pairs}</dl>" if pairs else ""
            case Code():
                yield f'<pre class="m-code" tabindex="0"><code>{_escape_lines(block.text)}</code></pre>'
            case Table():
                yield from self._render_table(block, title)
            case Chart():
                yield from self._render_chart(block, title)
            case Drawing():
                self._has_drawing = True
                yield f'<div class="m-scroll" tabindex="0" role="region" aria-label="{_escape(block.label)}">'
                yield f"{block.svg}</div>"
            case Details():
                yield f"<details><summary>{_escape(block.summary)}</summary>"
                yield from self._render_blocks(block.blocks, block.summary)
                yield "</details>"

    def _render_paragraph(self, paragraph: Paragraph) -> Iterator[str]:
        text = _join_dates(_escape_lines(paragraph.text))
        if not paragraph.tone:
            yield f"<p>{text}</p>"
            return
        sign, word = _TONES[paragraph.tone]
        marked = f'<span class="m-sign" aria-hidden="true">{sign}</span>' if sign else ""
        said = f'<span class="m-said">{word}</span>' if word else ""
        yield f'<p class="m-tone m-{paragraph.tone}">{marked}<span>{said}{text}</span></p>'

    def _render_chart(self, chart: Chart, title: str) -> Iterator[str]:
        drawn = draw_chart(chart)
        if not isinstance(drawn, str):
            yield '<div class="m-whole">'
            yield from self._render_block(drawn, title)
            yield "</div>"
            return
        self._has_chart = True
        reading = f'<span class="m-reading">{_escape(chart.reading)}</span>' if chart.reading else ""
        caption = f"<b>{_escape(chart.title)}</b>{_render_part(chart.part)}{reading}"
        tall = ' class="m-tall"' * (len(chart.y.categories) >= _TALL_CHART)
        yield f"<figure{tall}><figcaption>{caption}</figcaption>{drawn}</figure>"

    def _render_table(self, table: Table, title: str) -> Iterator[str]:
        columns = list(zip(*table.rows, strict=False)) if table.rows else [()] * len(table.columns)
        are_right = [
            c.startswith(">") or _are_numbers(cells) for c, cells in zip(table.columns, columns, strict=False)
        ]
        are_right += [False] * (len(table.columns) - len(are_right))
        head = "".join(
            f'<th scope="col"{_RIGHT * r}>{_escape(c.removeprefix(">"))}</th>'
            for c, r in zip(table.columns, are_right, strict=True)
        )
        label = _escape(table.caption or title)
        is_long = len(table.rows) > _LONG_TABLE
        is_wide = len(table.columns) > _WIDE_TABLE
        may_scroll = is_long or len(table.columns) > _SCROLLED_TABLE
        region = f' tabindex="0" role="region" aria-label="{label}"' * may_scroll
        yield f'<div class="m-scroll{" m-long" * is_long}{" m-wide" * is_wide}"{region}><table>'
        if table.caption or table.part:
            yield f"<caption><span>{_escape(table.caption)}{_render_part(table.part)}</span></caption>"
        yield f"<thead><tr>{head}</tr></thead><tbody>"
        decimals = [_common_decimals(cells) for cells in columns] + [None] * len(table.columns)
        for row in table.rows:
            yield f"<tr>{''.join(_render_cells(row, are_right, decimals))}</tr>"
        yield "</tbody></table></div>" if table.rows else "</tbody></table><p>no rows</p></div>"


_RIGHT = ' class="m-right"'


def _render_part(part: str) -> str:
    return f' <span class="m-part">{_escape(part)}</span>' if part else ""


def _render_cells(
    row: Sequence[Cell], are_right: Sequence[bool], decimals: Sequence[int | None]
) -> Iterator[str]:
    for i, cell in enumerate(row):
        is_right = i < len(are_right) and are_right[i]
        text = _escape(_cell_text(cell, decimals[i] if i < len(decimals) else None))
        if i == 0 and not is_right:
            yield f'<th scope="row">{text}</th>'
        else:
            kind = _RIGHT if is_right else ' class="m-short"' if len(text) <= _SHORT_CELL else ""
            yield f"<td{kind}>{text if kind else _join_dates(text)}</td>"


def _are_numbers(cells: Sequence[Cell]) -> bool:
    found = [c for c in cells if c is not None]
    return bool(found) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in found)


def _common_decimals(cells: Sequence[Cell]) -> int | None:
    """Find the decimals that the numbers of a column share, so that their points stand below each other.

    Returns:
        None if one of the numbers would lose its digits.
    """
    sizes = [abs(c) for c in cells if isinstance(c, float) and math.isfinite(c) and c]
    if not sizes or max(sizes) >= 1000:
        return None
    fewest = 2 - math.floor(math.log10(max(sizes)))
    # One more decimal where a small number would lose its digits.
    found = fewest if min(sizes) * 10.0 ** min(fewest, 6) >= 10 else fewest + 1
    return found if found <= 6 and min(sizes) * 10**found >= 1 else None


def _cell_text(cell: Cell, decimals: int | None = None) -> str:
    """Return the text of a cell: four significant digits or the decimals of its column, a dash for none."""
    match cell:
        case None:
            return _DASH
        case bool():
            return "yes" if cell else "no"
        case float() if decimals is not None and math.isfinite(cell):
            return f"{cell:.{decimals}f}".replace("-", _MINUS)
        case float():
            return _number_text(cell)
        case _:
            return str(cell)


def _number_text(number: float) -> str:
    if not math.isfinite(number):
        return _DASH if math.isnan(number) else "∞" if number > 0 else f"{_MINUS}∞"
    text = f"{number:.0f}" if 1000 <= abs(number) < 1e15 else f"{number:.4g}"
    return text.replace("-", _MINUS)
