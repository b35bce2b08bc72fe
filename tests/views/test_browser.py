"""Pages in a real browser, where one is installed: whole, legible, quiet, and in need of nothing.

With MERMAID, the path of a ``mermaid.min.js``, the Mermaid text is rendered as well.
"""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magical.graph import Graph
from magical.refs import Link
from magical.views.document_page import render_document
from magical.views.mermaid import render_mermaid
from magical.views.page import render_page
from magical.views.picture import Picture, build_picture
from magical.views.state_marks import STATE_STYLES, StepStatus
from views.documents import report_document
from views.graphs import CAMPAIGN, NASTY, node
from views.headless import PROGRAM, Headless

MERMAID = os.environ.get("MERMAID", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed"),
]

TOOLS = """
const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const all = (q, of = document) => [...of.querySelectorAll(q)];
const apart = (a, b) => a[2] <= b[0] + .5 || b[2] <= a[0] + .5 || a[3] <= b[1] + .5 || b[3] <= a[1] + .5;
const number = c => (c.match(/[\\d.]+/g) || []).map(Number);
const light = c => { const [r, g, b] = number(c).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
const ground = getComputedStyle(document.body).backgroundColor;
"""

DRAWN = """(() => {
const nodes = all('.m-step > rect:first-of-type, .m-data > rect').map(box);
const contrasts = all('svg g text').map(t => contrast(getComputedStyle(t).fill,
    getComputedStyle(t.parentNode.querySelector('rect')).fill));
contrasts.push(...all('td, .state, dt, a[href], h1').filter(e => !e.closest('svg'))
    .map(e => contrast(getComputedStyle(e).color, ground)));
const link = document.querySelector('svg a');
const closed = all('details').every(d => !d.open);
if (link) link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
return new Promise(done => setTimeout(() => done({
    width: innerWidth, page: document.documentElement.scrollWidth, ground,
    overlapping: nodes.flatMap((a, i) => nodes.slice(0, i).filter(b => !apart(a, b))).length,
    nodes: nodes.length,
    spilt: all('svg g text').filter(t => { const a = box(t), b = box(t.parentNode.querySelector('rect'));
        return a[0] < b[0] || a[2] > b[2] || a[1] < b[1] || a[3] > b[3]; }).map(t => t.textContent),
    moved: all('.scroll').filter(s => s.scrollWidth > s.clientWidth).length,
    outside: all('h1, h2, p, dt, dd, summary, .scroll').filter(e => box(e)[2] > innerWidth + .5).length,
    contrast: Math.min(...contrasts), fetched: performance.getEntriesByType('resource').length,
    opened: closed && all('details').some(d => d.open),
    reached: all('a, summary, [tabindex]').every(e => { e.focus(); return document.activeElement === e; }),
}), 50));
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headless]:
    """One browser for all of these tests."""
    opened = Headless(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


def campaign() -> Picture:
    """Every state, on a pretence or not."""
    states = [
        StepStatus(state, ("clean",) if i % 2 else ()) for i, state in enumerate([*STATE_STYLES, "fresh"])
    ]
    return build_picture(
        CAMPAIGN, dict(zip((n.name for n in CAMPAIGN.nodes), states, strict=True)), ("mind this",)
    )


def nasty() -> Picture:
    """Every name that could be taken for something else."""
    nodes = [node(name, data=f"{name}!") for name in NASTY]
    last = node("last", "value", tuple(Link(n.name) for n in nodes))
    states = {n.name: StepStatus("failed", (n.name,)) for n in nodes}
    return build_picture(
        Graph("<script>alert(1)</script>", (*nodes, last), Link("last")), states, tuple(NASTY)
    )


@pytest.mark.parametrize("drawn", [campaign, nasty])
def test_nothing_overlaps_is_cut_off_or_hard_to_read(drawn: Any, browser: Headless, tmp_path: Path) -> None:
    shown, path = drawn(), tmp_path / "page.html"
    path.write_text(render_page(shown), encoding="utf-8")
    for width, dark in ((1280, False), (1280, True), (400, False), (400, True)):
        browser.open(path, width, dark)
        found = browser.evaluate(TOOLS + DRAWN)
        assert found["width"] == width
        assert found["page"] <= width
        assert found["nodes"] == len(shown.steps) + len(shown.data)
        assert (found["overlapping"], found["spilt"], found["outside"]) == (0, [], 0)
        if drawn is campaign:
            assert found["moved"] <= (width < 500), "only the drawing, and only on a narrow page"
        assert found["contrast"] >= 4.5
        assert found["opened"]
        assert found["reached"]
        assert found["ground"] == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
        assert (browser.requests, browser.complaints) == ([path.as_uri()], [])


READ = """(() => {
const inside = e => e.closest('.m-scroll, pre, .m-skip, .m-said');
const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if ((number(c)[3] ?? 1) > 0) return c; } return ground; };
const blend = r => { const s = getComputedStyle(r), o = +s.fillOpacity, [a, b] = [number(s.fill), number(ground)];
    return `rgb(${a.slice(0, 3).map((v, i) => o * v + (1 - o) * b[i])})`; };
const words = all('body *').filter(e => own(e) && e.checkVisibility() && !e.closest('title'));
const pale = words.filter(e => !e.closest('.m-said, .m-watermark')).map(e => e.closest('svg')
    ? [contrast(getComputedStyle(e).fill, e.matches('.c-count') ? blend(e.previousElementSibling) : ground), e]
    : [contrast(getComputedStyle(e).color, behind(e)), e]).filter(([c]) => c < 4.5);
const charts = all('svg.m-chart').filter(e => e.checkVisibility());
const labels = charts.map(c => all('text:not([transform])', c).map(t => [t.textContent, box(t)]));
return {
  page: document.documentElement.scrollWidth, ground,
  outside: all('body *').filter(e => !inside(e) && e.checkVisibility())
      .filter(e => { const [l, , r] = box(e); return l < -.5 || r > innerWidth + .5; }).map(e => e.outerHTML.slice(0, 200)),
  pale: pale.map(([c, e]) => [c, e.outerHTML.slice(0, 200)]),
  overlapping: labels.flatMap(texts => texts.flatMap(([n, a], i) =>
      texts.slice(0, i).filter(([, b]) => !apart(a, b)).map(([m]) => [n, m]))),
  hidden: all('details *').filter(e => own(e) && !e.closest('summary, title') && !e.checkVisibility({
      contentVisibilityAuto: true})).length,
  scripts: document.scripts.length, text: document.body.innerText,
  headings: all('h1, h2').map(e => e.tagName).join(' '),
  landmarks: ['header', 'nav', 'main'].map(q => all(q).length),
  unnamed: all('svg.m-chart').filter(e => !e.getAttribute('aria-label')).length,
  scopes: all('th').every(e => e.scope),
};
})()"""


@pytest.mark.parametrize("origin", [(), ("clean",)], ids=["real", "pretended"])
def test_a_report_is_whole_and_legible_at_any_width(
    origin: tuple[str, ...], browser: Headless, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_document(report_document(origin)), encoding="utf-8")
    for width, dark in ((1280, False), (1280, True), (400, False), (400, True)):
        browser.open(path, width, dark)
        found = browser.evaluate(TOOLS + READ)
        assert found["page"] <= width
        assert (found["outside"], found["pale"], found["overlapping"]) == ([], [], [])
        assert found["hidden"] > 0, "details are closed"
        assert found["ground"] == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
        assert (browser.requests, browser.complaints) == ([path.as_uri()], [])
    assert found["scripts"] == 0
    for text in (
        "<script>alert(1)</script>",
        "a \"quoted\" 'category'",
        "<img src=x onerror=alert(1)>",
        "\u05e9",
    ):
        assert text in found["text"]
    assert ("Not real" in found["text"]) == bool(origin)
    assert found["headings"] == " ".join(["H1", *["H2"] * len(report_document().sections)])
    assert (found["landmarks"], found["unnamed"], found["scopes"]) == ([1, 1, 1], 0, True)


def test_the_first_key_leads_to_the_content(browser: Headless, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_document(report_document()), encoding="utf-8")
    browser.open(path)
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    style = "getComputedStyle(document.activeElement)"
    seen = f"[document.activeElement.hash, {style}.outlineStyle, document.activeElement.offsetWidth > 50]"
    assert browser.evaluate(seen) == ["#content", "solid", True]


def test_paper_is_white_and_has_what_is_folded(browser: Headless, tmp_path: Path) -> None:
    path, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    path.write_text(render_document(report_document(("clean",))), encoding="utf-8")
    browser.open(path, dark=True, media="print")
    found = browser.evaluate(TOOLS + READ)
    assert found["ground"] == "rgb(255, 255, 255)"
    assert found["hidden"] == 0
    assert found["pale"] == []
    printed.write_bytes(browser.print())
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", printed, "-"], capture_output=True, check=True).stdout
        for part in ("These stand in closed details.", "column_499", "Not real", "true positive rate"):
            assert part in text.decode()


@pytest.mark.skipif(not MERMAID, reason="MERMAID does not name a mermaid.min.js")
@pytest.mark.parametrize("drawn", [campaign, nasty])
def test_mermaid_renders_the_text(drawn: Any, browser: Headless, tmp_path: Path) -> None:
    shown = drawn()
    path = tmp_path / "mermaid.html"
    script = f"""
    mermaid.initialize({{startOnLoad: false}});
    mermaid.render('drawn', {json.dumps(render_mermaid(shown)).replace("<", chr(92) + "u003c")}).then(
      done => {{ document.body.innerHTML = done.svg; document.title = 'drawn'; }},
      error => {{ document.title = 'refused: ' + error; }});
    """
    source = Path(MERMAID).resolve().as_uri()
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><body><script src="{source}"></script><script>{script}</script></body>',
        encoding="utf-8",
    )
    browser.open(path)
    assert (
        browser.evaluate(
            "new Promise(done => { const look = () => document.title ? done(document.title) : setTimeout(look, 20); look(); })"
        )
        == "drawn"
    )
    svg = browser.evaluate("document.body.innerHTML")
    for step in shown.steps:
        assert html.escape(step.name[:20].strip(), quote=False) in svg or step.name not in ("clean", "last")
    assert len(re.findall(r'class="node ', svg)) == len(
        re.findall(r"\b[sd]\d+(?:\(\[|\[)", render_mermaid(shown))
    )
    assert "<img" not in svg
