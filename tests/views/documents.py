"""Documents to be rendered: any whatever, and one with the content of a report."""

import math
import random

from hypothesis import strategies as st

from magical.views.document import (
    Axis,
    Band,
    Bars,
    Block,
    Cells,
    Chart,
    Code,
    Details,
    Document,
    Dots,
    Drawing,
    Facts,
    Line,
    Paragraph,
    RuleLine,
    Section,
    Table,
)

NASTY_TEXTS = (
    "<script>alert(1)</script>",
    '"a\' category" & <b>',
    "]]>--></style></title></svg>",
    "\u05e9\u05dc\u05d5\u05dd \u202e right to left",
    "\x00\x1b[31m\ud800",
    "a\nb\rc\u2028d",
    "&lt;b&gt; &#0;",
    "javascript:alert(1)",
    "x" * 120,
    "",
)
texts = st.sampled_from(NASTY_TEXTS) | st.text(max_size=20)
numbers = st.floats() | st.sampled_from((0.0, 1e308, -1e308, 5e-324, math.nan, math.inf)) | st.integers(-9, 9)
parts = st.sampled_from(("", "test", "<i>"))


def _several(strategy, least=0, most=5):
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


def _tuples(count):
    return _several(st.tuples(*[numbers] * count))


axes = st.builds(
    Axis,
    texts,
    _several(texts, most=3) | st.integers(0, 80).map(lambda n: tuple(map(str, range(n)))),
    st.none() | numbers,
    st.none() | numbers,
    st.booleans(),
)
marks = st.one_of(
    st.builds(Line, _tuples(2), texts, st.booleans(), st.booleans()),
    st.builds(Band, _tuples(3), texts),
    st.builds(Bars, _tuples(3), texts, _tuples(2), st.booleans()),
    st.builds(Dots, _tuples(2), texts, _tuples(2)),
    st.builds(Cells, _several(_several(st.none() | numbers)), texts),
    st.builds(RuleLine, numbers, st.sampled_from(("x", "y", "diagonal")), texts),
)
charts = st.builds(Chart, texts, texts, axes, axes, _several(marks), parts)
cells = texts | numbers | st.booleans() | st.none()
tables = st.builds(Table, _several(texts), _several(_several(cells)), texts, parts)
tones = st.sampled_from(("", "good", "warning", "bad", "faint"))
simple_blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Paragraph, texts, tones),
    st.builds(Facts, _several(st.tuples(texts, texts))),
    st.builds(Code, texts),
    tables,
    charts,
    st.builds(Drawing, st.just('<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>'), texts),
)
blocks = simple_blocks | st.builds(Details, texts, _several(simple_blocks, most=2))
sections = st.builds(Section, texts, texts, _several(blocks, most=4), texts)
documents = st.builds(Document, texts, texts, _several(sections, most=4), _several(texts, most=2))


def _curve(sharpness: float) -> tuple[tuple[float, float], ...]:
    return tuple((i / 40, (i / 40) ** sharpness) for i in range(41))


def _around(points: tuple[tuple[float, float], ...], width: float) -> tuple[tuple[float, float, float], ...]:
    return tuple(
        (x, max(0.0, y - width * y * (1 - y) * 4), min(1.0, y + width * y * (1 - y) * 4)) for x, y in points
    )


def _quality() -> tuple[Block, ...]:
    share = {"low": 0.0, "high": 1.0, "percent": True}
    roc = _curve(0.22)
    found = tuple((x, 1 - 0.85 * x**2.2) for x, _ in roc)
    tenths = tuple((0.05 + i / 10, 0.04 + i / 10 + 0.05 * math.sin(i)) for i in range(10))
    shares = [[math.exp(-((i - m) ** 2) / s) / 4 for i in range(20)] for m, s in ((4, 18), (14, 30))]
    bins = [tuple((i / 20, (i + 1) / 20, v) for i, v in enumerate(values)) for values in shares]
    classes = ("stays", "leaves")
    return (
        Paragraph("The model ranks 94 of 100 pairs right; the interval does not touch that of the dummy.", "good"),
        Chart(
            "ROC", "At 10 % false alarms it finds 60 % of those who leave.",
            Axis("false positive rate", **share), Axis("true positive rate", **share),
            (Band(_around(roc, 0.09), "model"), Line(roc, "model"), RuleLine(axis="diagonal", label="chance")), "test",
        ),
        Chart(
            "Precision and recall", "Up to half of those who leave, nine of ten alarms are right.",
            Axis("recall", **share), Axis("precision", **share),
            (Band(_around(found, 0.08)), Line(found), RuleLine(0.26, label="share of leaves")), "test",
        ),
        Chart(
            "Calibration", "What it calls 30 % happens in 33 % of cases.",
            Axis("predicted", **share), Axis("true", **share),
            (RuleLine(axis="diagonal", label="perfect"),
             Dots(tenths, "tenth of the rows", tuple((y - 0.05, y + 0.06) for _, y in tenths))), "test",
        ),
        Chart(
            "Scores by class", "The classes overlap between 0.4 and 0.6.",
            Axis("predicted probability of leaves", low=0, high=1), Axis("share of the class", percent=True),
            (Bars(bins[0], "stays"), Bars(bins[1], "leaves"), RuleLine(0.37, "x", "threshold")), "test",
        ),
        Chart(
            "Confusion", "31 of 118 who leave are missed.",
            Axis("prediction", classes), Axis("truth", classes), (Cells(((301.0, 29.0), (31.0, 87.0))),), "test",
        ),
        Table(
            ("class", ">rows", ">predicted", ">precision", ">recall", ">f1"),
            (("stays", 330, 332, "0.907 (0.87–0.93)", "0.912 (0.88–0.94)", 0.9094),
             ("leaves", 118, 116, "0.750 (0.66–0.82)", "0.737 (0.65–0.81)", 0.7436)),
            "Classes", "test",
        ),
    )  # fmt: skip


def _others() -> tuple[Section, ...]:
    draw = random.Random(7)
    trials = tuple((float(i), 0.31 + 0.2 * draw.random() * 0.93**i) for i in range(60))
    best = tuple((x, min(y for _, y in trials[: i + 1])) for i, (x, _) in enumerate(trials))
    names = (
        "income", "days since the last purchase + recency", "wine", "a_very_long_name_of_a_column_that_is_cut",
        "children at home", "complaints",
    )  # fmt: skip
    weights = [0.081, 0.052, 0.034, 0.02, 0.011, -0.001]
    importance = tuple((float(i), i + 1.0, v) for i, v in enumerate(weights))
    truth = [draw.gauss(50, 15) for _ in range(900)]
    predicted = tuple((t, 0.85 * t + 7 + draw.gauss(0, 5)) for t in truth)
    costs = tuple((i / 40, 2 + 6 * (i / 40 - 0.37) ** 2 + 0.6 * math.sin(i / 5)) for i in range(41))
    columns = tuple(
        (
            f"column_{i:03}",
            "float" if i % 3 else "category",
            i % 7,
            12345.678 * draw.random(),
            None if i % 5 else 0.5,
        )
        for i in range(500)
    )
    return (
        Section("choice", "Choice of the model", (
            Paragraph("lightgbm is best on the held-out rows; the ensemble is within noise of it."),
            Chart("Trials", "The last 20 trials gained nothing.", Axis("trial"), Axis("log loss"),
                  (Dots(trials, "trial"), Line(best, "best so far", step=True)), "validation"),
            Chart("Candidates", "Two candidates are within noise of the best.",
                  Axis("loss to the best"), Axis("", ("lightgbm", "ensemble of 3", "logistic", "random forest")),
                  (Bars(((0, 1, 0), (1, 2, 0.004), (2, 3, 0.031), (3, 4, 0.02)), "",
                        ((0, 0), (-0.003, 0.01), (0.02, 0.04), (0.01, 0.03)), horizontal=True),), "held out"),
        )),
        Section("quality", "Quality", _quality()),
        Section("decision", "Decision", (
            Facts((("threshold", "0.37, chosen on held-out rows"), ("cost per row", "2.1 (1.8–2.4) on test"))),
            Chart("Cost by threshold", "From 0.3 to 0.45 the cost is within noise.", Axis("threshold"),
                  Axis("cost per row", low=0.0),
                  (Band(tuple((x, y - 0.3, y + 0.3) for x, y in costs)), Line(costs),
                   RuleLine(0.37, "x", "chosen")), "test"),
            Chart("Three models over time", "The new one is best since May.",
                  Axis("week"), Axis("AUC"),
                  (Line(tuple((i, 0.7 + 0.01 * i) for i in range(20)), "new"),
                   Line(tuple((i, 0.75 + 0.002 * i) for i in range(20)), "champion"),
                   Line(tuple((i, 0.7) for i in range(20)), "dummy", dashed=True)), "test"),
        )),
        Section("importance", "What it uses", (
            Chart("Importance", "Income matters most.", Axis("log loss gained by shuffling"), Axis("", names),
                  (Bars(importance, "", tuple((v - 0.006, v + 0.008) for v in weights), horizontal=True),),
                  "validation"),
            Chart("Slices", "Students are predicted worse, confirmed on the other half.", Axis("AUC", high=1.0),
                  Axis("", ("all rows", "age < 25", "region = north")),
                  (Dots(((0.938, 0), (0.81, 1), (0.92, 2)), "", ((0.91, 0.96), (0.74, 0.87), (0.85, 0.97))),
                   RuleLine(0.938, "x")), "test"),
            Chart("Education", "Higher with a degree.",
                  Axis("education", ("basic", "secondary school, not finished", "graduate", "master", "PhD")),
                  Axis("predicted probability", percent=True),
                  (Bars(tuple((i, i + 1, 0.1 + 0.05 * i) for i in range(5))),), "validation"),
            Chart("Predicted against true", "High values are predicted too low.", Axis("predicted"),
                  Axis("true price in thousand"), (Dots(predicted), RuleLine(axis="diagonal", label="perfect")),
                  "test"),
            Chart("Errors by prediction", "Errors grow with the prediction.", Axis("prediction"), Axis("error"),
                  (Band(tuple((i, -1.0 - i / 9, 1 + i / 9) for i in range(20)), "90 % of rows"),
                   Band(tuple((i, -0.4 - i / 19, 0.4 + i / 19) for i in range(20)), "half of the rows"),
                   Line(tuple((i, 0.1 * math.sin(i)) for i in range(20)), "median"), RuleLine(0.0)), "test"),
            Chart("Drift", "No week differs.", Axis("week"), Axis("PSI"), (Dots(((0, math.nan),)),), "test"),
        )),
        Section("data", "Data", (
            Table(("column", "type", ">nulls", ">mean", "remark"), columns, "Columns", "train"),
            Details("Histograms of the columns", (
                Paragraph("These stand in closed details."),
                Chart("income", "It has a long tail.", Axis("income"), Axis("rows"),
                      (Bars(tuple((i * 5000, i * 5000 + 5000, 900 * math.exp(-i / 4)) for i in range(20))),)),
            )),
        )),
        Section("drift", "Drift budget", (), "the table `drift` has no column psi"),
    )  # fmt: skip


def report_document(origin: tuple[str, ...] = ()) -> Document:
    """A document like the report of a run."""
    first = (
        Section("verdict", "Verdict", (
            Paragraph("Registered as version 4 and champion: AUC 0.938 on test, dummy 0.5, linear 0.861.", "good"),
            Facts((("AUC", "0.938 (0.914–0.957) on test"), ("linear baseline", "0.861 (0.82–0.89) on test"),
                   ("champion before", "0.921 (0.90–0.94) on the same rows"), ("gate", "passed: auc ≥ 0.85"))),
        )),
        Section("findings", "To be seen to", (
            Paragraph("LEAK002: 3 rows of test are equal to rows of train.", "warning"),
            Paragraph("The quality of 2 slices is below the whole, confirmed on the other half.", "bad"),
            Code("magical why evaluate --project examples/campaign"),
        )),
        Section("hostile", "Names from data", (
            Table(("<script>alert(1)</script>", "a \"quoted\" 'category'", "\u05e9\u05dc\u05d5\u05dd"),
                  (("<img src=x onerror=alert(1)>", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 123", "&amp;"),)),
        )),
    )  # fmt: skip
    return Document(
        "campaign", "run 12 · 1 December 2026, 02:37 · 9 steps in 14 s", (*first, *_others()), origin
    )
