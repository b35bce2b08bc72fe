"""The page in a real browser, where one is installed: whole, legible, quiet, and in need of nothing.

With MERMAID, the path of a ``mermaid.min.js``, the Mermaid text is rendered as well.
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from magical.graph import Graph
from magical.refs import Link
from magical.views.mermaid import render_mermaid
from magical.views.page import render_page
from magical.views.picture import Picture, build_picture
from magical.views.state_marks import STATE_STYLES, StepStatus
from views.graphs import CAMPAIGN, NASTY, node

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OWN = (".google.com", ".googleapis.com")
MERMAID = os.environ.get("MERMAID", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed"),
]

MEASURE = """
const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const all = (q, of = document) => [...of.querySelectorAll(q)];
const nodes = all('.m-step > rect:first-of-type, .m-data > rect').map(box);
const apart = (a, b) => a[2] <= b[0] + .5 || b[2] <= a[0] + .5 || a[3] <= b[1] + .5 || b[3] <= a[1] + .5;
const number = c => (c.match(/[\\d.]+/g) || []).map(Number);
const light = c => { const [r, g, b] = number(c).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
const ground = getComputedStyle(document.body).backgroundColor;
const contrasts = all('svg g text').map(t => contrast(getComputedStyle(t).fill,
    getComputedStyle(t.parentNode.querySelector('rect')).fill));
contrasts.push(...all('td, .state, dt, a[href], h1').filter(e => !e.closest('svg'))
    .map(e => contrast(getComputedStyle(e).color, ground)));
const link = document.querySelector('svg a');
const closed = all('details').every(d => !d.open);
if (link) link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
setTimeout(() => {
  const found = {
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
  };
  parent.postMessage(JSON.stringify(found), '*');
}, 50);
"""

FRAME = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><body>
<pre id="found"></pre><script>
addEventListener('message', e => {{ document.getElementById('found').textContent = e.data; }});
</script><iframe style="width:{width}px;height:900px;border:0" src="framed.html"></iframe></body>"""


def chromium(*words: str, address: str) -> subprocess.CompletedProcess[str]:
    """Run the browser without a window."""
    quiet = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    quiet += " --disable-component-update --disable-sync --disable-extensions --hide-scrollbars"
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND"
    return subprocess.run(
        [str(BROWSER), *quiet.split(), nowhere, *words, address],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def measured(text: str, folder: Path, width: int, dark: bool) -> dict[str, Any]:
    """What a script finds on the page; the page itself allows none."""
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    assert policy.search(text)
    framed = policy.sub("", text).replace("</body>", f"<script>{MEASURE}</script></body>")
    path = folder / "measured.html"
    (folder / "framed.html").write_text(framed, encoding="utf-8")
    path.write_text(FRAME.format(width=width), encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    done = chromium(
        "--window-size=1400,1000", scheme, "--virtual-time-budget=5000", "--dump-dom", address=path.as_uri()
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(html.unescape(found[1]))
    return answer


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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("drawn", [campaign, nasty])
def test_nothing_overlaps_is_cut_off_or_hard_to_read(
    drawn: Any, width: int, dark: bool, tmp_path: Path
) -> None:
    shown = drawn()
    found = measured(render_page(shown), tmp_path, width, dark)
    assert found["width"] == width
    assert found["page"] <= width
    assert found["nodes"] == len(shown.steps) + len(shown.data)
    assert (found["overlapping"], found["spilt"], found["outside"], found["fetched"]) == (0, [], 0, 0)
    if drawn is campaign:
        assert found["moved"] <= (width < 500), "only the drawing, and only on a narrow page"
    assert found["contrast"] >= 4.5
    assert found["opened"]
    assert found["reached"]
    assert found["ground"] == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize("drawn", [campaign, nasty])
def test_the_page_asks_for_nothing_and_complains_of_nothing(drawn: Any, tmp_path: Path) -> None:
    path, log = tmp_path / "page.html", tmp_path / "net.json"
    path.write_text(render_page(drawn()), encoding="utf-8")
    done = chromium(f"--log-net-log={log}", "--enable-logging=stderr", "--dump-dom", address=path.as_uri())
    assert "CONSOLE" not in done.stderr
    asked = set(re.findall(r'"url":"(?!file:|data:)\w+:/*([^/"?]*)', log.read_text(encoding="utf-8")))
    assert not [host for host in asked if not host.endswith(OWN)], "beside what the browser asks for itself"
    assert "</svg>" in done.stdout


@pytest.mark.skipif(not MERMAID, reason="MERMAID does not name a mermaid.min.js")
@pytest.mark.parametrize("drawn", [campaign, nasty])
def test_mermaid_renders_the_text(drawn: Any, tmp_path: Path) -> None:
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
    done = chromium(
        "--virtual-time-budget=20000", "--allow-file-access-from-files", "--dump-dom", address=path.as_uri()
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stdout[-1000:]
    assert title[1] == "drawn"
    svg = done.stdout[done.stdout.index("<svg") :]
    for step in shown.steps:
        assert html.escape(step.name[:20].strip(), quote=False) in svg or step.name not in ("clean", "last")
    assert len(re.findall(r'class="node ', svg)) == len(
        re.findall(r"\b[sd]\d+(?:\(\[|\[)", render_mermaid(shown))
    )
    assert "<img" not in svg
