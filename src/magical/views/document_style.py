"""The look of documents: type, tables, tones and charts on a page, in a notebook and on paper."""

from __future__ import annotations

__all__ = ["CHART_STYLE", "DOCUMENT_STYLE", "LAYOUT_STYLE"]

# All of it is below .m-document: a fragment shares its page with others.
DOCUMENT_STYLE = """
.m-document{font:15px/1.55 system-ui,-apple-system,"Segoe UI","Liberation Sans",sans-serif;color:var(--ink);
font-variant-numeric:tabular-nums}
.m-document p{margin:.5rem 0;max-width:44rem;overflow-wrap:anywhere;white-space:pre-line}
.m-document .m-subtitle,.m-document .m-reading,.m-document .m-faint{color:var(--faint)}
.m-document .m-heading{font-weight:600;margin:.9rem 0 .2rem}
.m-document .m-tone{display:flex;gap:.55rem}
.m-document .m-tone>span:last-child{min-width:0;overflow-wrap:anywhere}
.m-document .m-sign{flex:none;width:1.3rem;height:1.3rem;margin-top:.1rem;border:1.5px solid;
border-radius:50%;
font-weight:700;font-size:.8rem;line-height:1.2rem;text-align:center;box-sizing:border-box;
color:var(--tone)}
.m-document .m-good{--tone:var(--fresh)}.m-document .m-warning{--tone:var(--stale)}
.m-document .m-bad{--tone:var(--failed)}
.m-document .m-said,.m-document .m-skip:not(:focus){position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%);white-space:nowrap}
.m-document .m-part{display:inline-block;margin-left:.45rem;padding:0 .45rem;border:1px solid var(--rule);
border-radius:1rem;font-size:.72rem;line-height:1.25rem;font-weight:500;color:var(--faint);
vertical-align:1px;
background:var(--band);letter-spacing:.01em}
.m-document dl{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.3rem 1.4rem;
margin:.7rem 0;
max-width:52rem}
.m-document dt{color:var(--faint);overflow-wrap:anywhere}
.m-document dd{margin:0;overflow-wrap:anywhere;min-width:0}
.m-document .m-code{margin:.7rem 0;padding:.6rem .8rem;border:1px solid var(--rule);border-radius:6px;
background:var(--band);color:var(--ink);overflow-x:auto;
font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,
"DejaVu Sans Mono",monospace}
.m-document .m-code code{user-select:all;font:inherit;background:none;padding:0;color:inherit}
.m-document .m-scroll{overflow-x:auto;max-width:100%;margin:.8rem 0}
.m-document .m-long{max-height:30rem;overflow-y:auto;resize:vertical;border-bottom:1px solid var(--line)}
.m-document .m-long thead th{position:sticky;top:0;background:var(--ground)}
.m-document table{border-collapse:collapse;border-spacing:0;font-size:.875rem;line-height:1.4;margin:0;
color:inherit}
.m-document caption{text-align:left;caption-side:top;padding:0 0 .35rem;color:var(--ink);font-weight:600;
font-size:.875rem}
.m-document th,.m-document td{text-align:left;vertical-align:top;padding:.32rem 1.3rem .32rem 0;
border-bottom:1px solid var(--rule);unicode-bidi:isolate;max-width:24rem;overflow-wrap:break-word;
background:none}
.m-document tr>:last-child{padding-right:.3rem}
.m-document thead th{color:var(--faint);font-weight:500;border-bottom:1px solid var(--line);
white-space:nowrap;
vertical-align:bottom}
.m-document tbody th{font-weight:500;min-width:5rem}
.m-document caption>span{display:inline-block;position:sticky;left:0;
max-width:min(44rem,calc(100vw - 2.5rem))}
.m-document td:not([class]){min-width:min(16rem,60vw)}
.m-document .m-right{text-align:right}
.m-document .m-right,.m-document .m-short{white-space:nowrap}
.m-document tbody tr:hover>*{background:var(--band)}
.m-document .m-charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(320px,100%),1fr));
gap:1.6rem 2.4rem;margin:1rem 0}
.m-document .m-tall{grid-row:span 2}
.m-document .m-date{white-space:nowrap}
.m-document .m-whole{grid-column:1/-1;min-width:0}
.m-document figure{margin:0;min-width:0;max-width:460px}
.m-document figcaption{margin:0 0 .5rem;font-size:.875rem;line-height:1.4;overflow-wrap:anywhere}
.m-document figcaption .m-reading{display:block;font-size:.82rem}
.m-document details{margin:.7rem 0;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule)}
.m-document details+details{border-top:0;margin-top:-.7rem}
.m-document summary{cursor:pointer;padding:.45rem 0;overflow-wrap:anywhere;color:var(--ink)}
.m-document section>details:last-child{border-bottom:0;margin-bottom:-1rem}
.m-document details[open]>summary{font-weight:600}
.m-document :focus-visible{outline:2px solid var(--round);outline-offset:2px}
.m-document .m-banner{max-width:none;margin:.9rem 0;padding:.6rem .9rem;
border:1.5px dashed var(--pretended);
border-radius:6px;color:var(--ink)}
.m-document .m-banner b{color:var(--pretended)}
.m-document .m-watermark{display:none}
.m-origin td.m-right,.m-origin dd,.m-origin .m-chart text.c-value,.m-origin .m-chart text.c-count{
text-decoration:line-through;text-decoration-color:var(--pretended)}
.m-origin h2::after,.m-origin figcaption b::after,.m-origin caption::after,.m-origin .m-heading::after{
content:"~ not real";margin-left:.5rem;font-size:.72rem;font-weight:500;color:var(--pretended);
letter-spacing:.01em}
""".strip()

LAYOUT_STYLE = """
html{scroll-behavior:smooth;scroll-padding-top:1rem}
body.m-document{margin:0 auto;max-width:76rem;padding:2rem 1.25rem 4rem;background:var(--ground)}
.m-document h1{font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0;
overflow-wrap:anywhere}
.m-document h2{font-size:1.2rem;line-height:1.3;font-weight:650;letter-spacing:-.008em;margin:0 0 .6rem;
overflow-wrap:anywhere}
.m-document header{padding-bottom:1.2rem;border-bottom:1px solid var(--rule)}
.m-document header .m-subtitle{margin:.3rem 0 0}
.m-document section{padding:1.9rem 0;border-bottom:1px solid var(--rule)}
.m-document section:last-child{border:0}
.m-document main:focus{outline:0}
.m-document nav{font-size:.875rem;padding:.9rem 0;border-bottom:1px solid var(--rule)}
.m-document nav ol{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem}
.m-document nav a{color:var(--faint);text-decoration:none;display:inline-block;padding:.16rem 0;
overflow-wrap:anywhere}
.m-document nav a:hover{color:var(--round);text-decoration:underline}
.m-document .m-skip:focus{position:absolute;left:1rem;top:.5rem;padding:.3rem .8rem;
background:var(--ground);
color:var(--round);z-index:2}
@media screen and (min-width:64rem){
body.m-document:has(nav){display:grid;grid-template-columns:11.5rem minmax(0,1fr);column-gap:3.5rem}
.m-document header{grid-column:1/-1}
.m-document nav{border:0;padding:1.9rem 0;align-self:start;position:sticky;top:0;max-height:100vh;
overflow-y:auto;
box-sizing:border-box}
.m-document nav ol{display:block}.m-document nav a{padding:.22rem 0}}
@media (max-width:32rem){body.m-document{padding-top:1.2rem}
.m-document dl{grid-template-columns:1fr;gap:0}.m-document dd{margin-bottom:.5rem}}
@media print{
@page{margin:16mm 14mm}
body.m-document{padding:0;max-width:none;font-size:10.5pt}
.m-document nav,.m-document .m-skip{display:none}
.m-document .m-scroll,.m-document .m-long{overflow:visible;max-height:none}
.m-document .m-long thead th{position:static}
.m-document h2,.m-document summary,.m-document figcaption,.m-document caption{break-after:avoid}
.m-document figure,.m-document tr,.m-document dl,.m-document .m-tone{break-inside:avoid}
.m-document section{padding:1rem 0}
.m-document .m-code{white-space:pre-wrap;overflow-wrap:anywhere}
.m-document .m-charts{grid-template-columns:1fr 1fr;gap:1rem 1.6rem}
.m-document table{font-size:8.5pt}
.m-document th,.m-document td{padding-right:.8rem;min-width:0}
.m-document .m-wide th,.m-document .m-wide td{font-size:6.5pt;padding-right:.35rem;
white-space:normal;overflow-wrap:anywhere}
.m-document td:not([class]){min-width:0;overflow-wrap:anywhere}
.m-document{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.m-document .m-watermark{display:block;position:fixed;top:40%;left:0;right:0;margin:0;max-width:none;
text-align:center;font-size:90pt;font-weight:700;color:var(--pretended);opacity:.13;
transform:rotate(-30deg);
z-index:1}}
""".strip()

CHART_STYLE = """
.magical svg.m-chart{display:block;width:100%;max-width:460px;height:auto;overflow:visible;background:none;
font:11px system-ui,-apple-system,"Segoe UI","Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
.magical svg.m-chart text{fill:var(--faint);font:inherit;unicode-bidi:isolate}
.magical svg.m-chart .c-title{fill:var(--ink)}
.magical svg.m-chart .c-value,.magical svg.m-chart .c-count,.magical svg.m-chart .c-key{fill:var(--ink)}
.magical svg.m-chart .c-direct,.magical svg.m-chart .c-value,.magical svg.m-chart .c-note{
paint-order:stroke;stroke:var(--ground);stroke-width:3px;stroke-linejoin:round}
.magical svg.m-chart .c-direct{fill:var(--c);font-weight:600}
.m-chart .c-0{--c:var(--round)}.m-chart .c-1{--c:var(--second)}
.m-chart .c-2{--c:var(--third)}.m-chart .c-3{--c:var(--fourth)}
.m-chart path{fill:none}
.m-chart .c-grid{stroke:var(--rule);stroke-width:1}
.m-chart .c-base{stroke:var(--line);stroke-width:1}
.m-chart .c-line{stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.m-chart .c-band{fill:var(--c);fill-opacity:.16}
.m-chart .c-bar{fill:var(--c);stroke:var(--c);stroke-width:1}
.m-chart .c-bar.c-0{fill:color-mix(in srgb,var(--c) 78%,var(--ground))}
.m-chart .c-bar.c-1{fill-opacity:.18;stroke-width:1.5}
.m-chart .c-bar.c-2{fill-opacity:.42;stroke-dasharray:3 2}
.m-chart .c-bar.c-3{fill-opacity:0;stroke-dasharray:1 2}
.m-chart .c-whisker{stroke:var(--ink);stroke-width:1.2}
.m-chart .c-span{stroke:var(--c);stroke-width:1.5;stroke-opacity:.6}
.m-chart .c-dots{stroke:var(--c);stroke-width:6;stroke-linecap:round}
.m-chart .c-dots.c-many{stroke-width:4;stroke-opacity:.35}
.m-chart .c-shape-1{stroke-linecap:square;stroke-width:5}
.m-chart .c-shape-2,.m-chart .c-shape-3{stroke-width:1.8;stroke-linecap:butt}
.m-chart .c-cell{fill:var(--c)}
.m-chart .c-rule{stroke:var(--faint);stroke-width:1.2;stroke-dasharray:3 3}
""".strip()
