"""Colours and the head that all pages and fragments share: light, dark, print, notebooks."""

from __future__ import annotations

from html import escape

__all__ = ["NOTEBOOK_THEME", "PAGE_THEME", "render_html_page"]

_LIGHT = (
    "--ground:#fff;--ink:#1f2328;--faint:#59636e;--line:#8c959f;--step:#f6f8fa;--data:#ddf4ff;--round:#0969da;"
    "--fresh:#1a7f37;--stale:#9a6700;--run:#0969da;--unwritten:#8250df;--pretended:#bf3989;--failed:#cf222e;"
    "--band:#f6f8fa;--rule:#d8dee4;--second:#bc4c00;--third:#1a7f37;--fourth:#8250df"
)
_DARK = (
    "--ground:#0d1117;--ink:#e6edf3;--faint:#9198a1;--line:#7d8590;--step:#21262d;--data:#12273d;--round:#58a6ff;"
    "--fresh:#3fb950;--stale:#d29922;--run:#58a6ff;--unwritten:#bc8cff;--pretended:#f778ba;--failed:#ff7b72;"
    "--band:#161b22;--rule:#2d333b;--second:#f0883e;--third:#3fb950;--fourth:#bc8cff"
)
# The colours follow the reader's system; paper is white, and has what is folded on a screen. The contrast of
# text is checked by tests/views/test_browser.py.
PAGE_THEME = f"""
.magical{{{_LIGHT};color-scheme:light dark}}
@media screen and (prefers-color-scheme:dark){{.magical{{{_DARK}}}}}
@media print{{.magical{{color-scheme:light}}
.magical details::details-content{{content-visibility:visible;block-size:auto;opacity:1}}}}
""".strip()
# A notebook has a theme of its own, which may differ from that of the system.
_NOTEBOOK_GROUND = (
    "--ground:var(--jp-layout-color0,var(--vscode-editor-background,{ground}));"
    "--ink:var(--jp-content-font-color1,var(--vscode-editor-foreground,{ink}))"
)
_DARK_NOTEBOOKS = (
    'body[data-jp-theme-light="false"]',
    "body.vscode-dark",
    'body[data-vscode-theme-kind="vscode-dark"]',
    'body[data-vscode-theme-kind="vscode-high-contrast"]',
)
NOTEBOOK_THEME = f"""
.magical{{{_LIGHT};{_NOTEBOOK_GROUND.format(ground="#fff", ink="#1f2328")};color:var(--ink)}}
{",".join(f"{d} .magical" for d in _DARK_NOTEBOOKS)}{{{_DARK};{
    _NOTEBOOK_GROUND.format(ground="#0d1117", ink="#e6edf3")
}}}
""".strip()
# A second defence: a name that was not escaped could still not load or run anything.
_CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render_html_page(title: str, style: str, body: str, classes: str = "magical") -> str:
    """Render a whole page, one file without scripts and network; ``body`` is HTML already.

    Example:
        >>> "<title>a &lt; b</title>" in render_html_page("a < b", "", "<p>text</p>")
        True
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT_SECURITY_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title>\n'
        f"<style>{PAGE_THEME}\n{style}</style></head>\n"
        f'<body class="{classes}">\n{body}\n</body></html>\n'
    )
