"""Small files as people have them, each with its right table or the true cause why it is refused.

The right values were written from knowledge of the texts, before the code that reads them. A word with ``|`` is
said if one of its alternatives is.
"""

import datetime as dt
import gzip
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magical.library import Reading

__all__ = ["CASES", "SAMPLES", "FileCase"]

NBSP, THIN, NARROW, MINUS = "\u00a0", "\u2009", "\u202f", "\u2212"

NOTHING_SAID = Reading()


@dataclass(frozen=True)
class FileCase:
    """A small file, and what a right reader makes of it.

    Attributes:
        name: its name, unique.
        kind: the kind of file that it is a variant of.
        data: its bytes.
        columns: the right values by column, in order; the names in snake case. Empty if it must be refused.
        refused: words that the message of the refusal must contain.
        said: words that must be said in remarks, hints of inference or reasons why a column is left out.
        contract: the fields of the contract that it is read by; empty if the contract is inferred.
        reading: what its author says of it.
        file: its name on disk.
        target: the column to predict, where the inference is told.
        roles: the kinds that inference may give a column (as ``inferences.kind`` writes them, or "left out").
    """

    name: str
    kind: str
    data: bytes
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    contract: str = ""
    reading: Reading = NOTHING_SAID
    file: str = "data.csv"
    target: str = ""
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def lines(*rows: str, end: str = "\n") -> bytes:
    return end.join((*rows, "")).encode()


def table(header: str, mark: str, *columns: Sequence[Any]) -> bytes:
    """Write columns below a header; a mark stands between the fields."""
    return lines(header, *(mark.join(map(str, row)) for row in zip(*columns, strict=True)))


POINT_THOUSANDS = [
    FileCase(
        "decimal comma in another column",
        "thousands point",
        lines("Nr;Umsatz;Quote", "1;363;3,73", "2;8.804;9,01", "3;1.498;9,86", "4;889;6,36"),
        {"nr": [1, 2, 3, 4], "umsatz": [363, 8804, 1498, 889], "quote": [3.73, 9.01, 9.86, 6.36]},
        said=("8.804", "8804"),
    ),
    FileCase(
        "all values marked, decimal comma in another column",
        "thousands point",
        lines("Umsatz;Quote", "8.804;9,01", "1.498;9,86", "7.350;0,5"),
        {"umsatz": [8804, 1498, 7350], "quote": [9.01, 9.86, 0.5]},
        said=("8.804", "8804"),
    ),
    FileCase(
        "float contract, decimal comma in another column",
        "thousands point",
        lines("Umsatz;Quote", "8.804;9,01", "1.498;9,86"),
        {"umsatz": [8804.0, 1498.0], "quote": [9.01, 9.86]},
        said=("8.804", "8804"),
        contract="umsatz: float\nquote: float",
    ),
    FileCase(
        "point decimals in another column",
        "thousands point",
        lines("rate;ratio", "1.498;3.73", "2.350;9.01", "7.125;0.55"),
        {"rate": [1.498, 2.35, 7.125], "ratio": [3.73, 9.01, 0.55]},
    ),
    FileCase(
        "three digits after the point in a file with commas between the fields",
        "thousands point",
        lines("part,length", "a,1.498", "b,7.125", "c,2.350"),
        {"part": ["a", "b", "c"], "length": [1.498, 7.125, 2.35]},
        contract="part: str\nlength: float",
    ),
    FileCase(
        "int contract leaves one reading",
        "thousands point",
        lines("shop;sales", "a;1.498", "b;2.350", "c;7.351"),
        {"shop": ["a", "b", "c"], "sales": [1498, 2350, 7351]},
        contract="shop: str\nsales: int",
    ),
    FileCase(
        "float contract and no other evidence",
        "thousands point",
        lines("shop;sales", "a;1.498", "b;2.350", "c;7.351"),
        refused=("sales", "1.498", "1498"),
        contract="shop: str\nsales: float",
    ),
    FileCase(
        "int contract and two whole readings",
        "thousands point",
        lines("shop;sales", "a;1.000", "b;2.000", "c;7.000"),
        refused=("sales", "000", "1000|2000|7000"),
        contract="shop: str\nsales: int",
    ),
    FileCase(
        "short values without a mark beside marked ones",
        "thousands point",
        lines("shop;sales", "a;1.498", "b;889", "c;12", "d;2.350", "e;7", "f;640"),
        {"shop": list("abcdef"), "sales": [1498, 889, 12, 2350, 7, 640]},
        said=("1.498", "1498"),
    ),
    FileCase(
        "a long value without a mark beside marked ones",
        "thousands point",
        lines("shop;level", "a;1.498", "b;12345", "c;20.125", "d;1500.375"),
        {"shop": list("abcd"), "level": [1.498, 12345.0, 20.125, 1500.375]},
    ),
    FileCase(
        "two marks in one value",
        "thousands point",
        lines("Konto;Saldo", "A1;1.234.567,89", "B2;12,50", "C3;1.000"),
        {"konto": ["A1", "B2", "C3"], "saldo": [1234567.89, 12.5, 1000.0]},
    ),
    FileCase(
        "one mark twice",
        "thousands point",
        lines("Land;Einwohner", "A;1.234.567", "B;98.765", "C;12.345.678"),
        {"land": ["A", "B", "C"], "einwohner": [1234567, 98765, 12345678]},
    ),
    FileCase(
        "negative values",
        "thousands point",
        lines("Monat;Ergebnis;Quote", "1;-1.498;0,51", "2;-889;-0,20", "3;2.350;1,07"),
        {"monat": [1, 2, 3], "ergebnis": [-1498, -889, 2350], "quote": [0.51, -0.2, 1.07]},
        said=("1.498", "1498"),
    ),
    FileCase(
        "a value below one",
        "thousands point",
        lines("part;length", "a;1.498", "b;0.498", "c;2.350"),
        {"part": ["a", "b", "c"], "length": [1.498, 0.498, 2.35]},
        contract="part: str\nlength: float",
    ),
    FileCase(
        "four digits after the point",
        "thousands point",
        lines("lat;lon", "52.520;13.4051", "48.135;11.5820", "50.938;6.9603"),
        {"lat": [52.52, 48.135, 50.938], "lon": [13.4051, 11.582, 6.9603]},
        contract="lat: float\nlon: float",
    ),
    FileCase(
        "a whole number by contract is no decimal",
        "thousands point",
        lines("shop;sales", "a;1.49", "b;2.35"),
        refused=("sales", "1.49", "int"),
        contract="shop: str\nsales: int",
    ),
    FileCase(
        "the contract says decimal point",
        "thousands point",
        lines("shop;sales", "a;1.498", "b;2.350"),
        {"shop": ["a", "b"], "sales": [1.498, 2.35]},
        contract='shop: str\nsales: Annotated[float, Decimal(".")]',
    ),
    FileCase(
        "the contract says decimal comma",
        "thousands point",
        lines("shop;sales", "a;1.498", "b;2.350"),
        {"shop": ["a", "b"], "sales": [1498.0, 2350.0]},
        contract='shop: str\nsales: Annotated[float, Decimal(","), Thousands(".")]',
    ),
    FileCase(
        "the reading says decimal comma",
        "thousands point",
        lines("shop;sales", "a;1.498", "b;2.350"),
        {"shop": ["a", "b"], "sales": [1498.0, 2350.0]},
        contract="shop: str\nsales: float",
        reading=Reading(decimal=",", thousands="."),
    ),
    FileCase(
        "decimal comma and no other mark",
        "thousands point",
        lines("id;x", "1;3,73", "2;12,5", "3;-0,25"),
        {"id": [1, 2, 3], "x": [3.73, 12.5, -0.25]},
    ),
    FileCase(
        "three digits after a comma and a value below one",
        "thousands point",
        lines("id;x", "1;1,498", "2;0,498", "3;2,350"),
        {"id": [1, 2, 3], "x": [1.498, 0.498, 2.35]},
        contract="id: int\nx: float",
    ),
    FileCase(
        "three digits after a comma and no other evidence",
        "thousands point",
        lines("id;x", "1;1,498", "2;7,221", "3;2,350"),
        refused=("x", "1,498|1.498", "1498"),
        contract="id: int\nx: float",
    ),
    FileCase(
        "marks that contradict each other",
        "thousands point",
        lines("id;amount", "1;1.234,5", "2;1,234.5", "3;12"),
        refused=("amount", "1.234,5|1,234.5"),
        contract="id: int\namount: float",
    ),
]

ENCODED_VISITS = "site\tvisits\tzone\n1\t3,663\tN\n2\t249\tE\n3\t1,504\tW\n4\t57\tN\n"
RIGHT_VISITS = {"site": [1, 2, 3, 4], "visits": [3663, 249, 1504, 57], "zone": ["N", "E", "W", "N"]}
SAID_VISITS = ("3,663", "3663")


def visits(name: str, data: bytes, **more: Any) -> FileCase:
    facts = {"columns": RIGHT_VISITS, "said": SAID_VISITS, "file": "visits.tsv"} | more
    return FileCase(name, "thousands in UTF-16", data, **facts)


COMMA_THOUSANDS = [
    visits("utf-16 with a mark", ENCODED_VISITS.encode("utf-16")),
    visits("utf-16-le without a mark", ENCODED_VISITS.encode("utf-16-le")),
    visits("utf-16-be with a mark", b"\xfe\xff" + ENCODED_VISITS.encode("utf-16-be")),
    visits("utf-16-be without a mark", ENCODED_VISITS.encode("utf-16-be")),
    visits("utf-32 with a mark", ENCODED_VISITS.encode("utf-32")),
    visits(
        "utf-32-le without a mark, stated",
        ENCODED_VISITS.encode("utf-32-le"),
        reading=Reading(encoding="utf-32-le"),
    ),
    visits("windows line ends in utf-16", ENCODED_VISITS.replace("\n", "\r\n").encode("utf-16")),
    visits(
        "int contract, all values marked",
        "site\tvisits\n1\t3,663\n2\t1,249\n".encode("utf-16"),
        columns={"site": [1, 2], "visits": [3663, 1249]},
        said=(),
        contract="site: int\nvisits: int",
    ),
    visits(
        "semicolons in utf-16",
        ENCODED_VISITS.replace("\t", ";").encode("utf-16"),
        contract="site: int\nvisits: int\nzone: str",
        file="visits.csv",
        said=(),
    ),
    visits(
        "quoted thousands in a comma file with a mark of utf-8",
        'site,visits,zone\n1,"3,663",N\n2,249,E\n3,"1,504",W\n4,57,N\n'.encode("utf-8-sig"),
        file="visits.csv",
    ),
    visits(
        "chinese names in utf-16",
        "城市\tvisits\n北京\t3,663\n上海\t249\n广州\t1,504\n".encode("utf-16"),
        columns={"city": ["北京", "上海", "广州"], "visits": [3663, 249, 1504]},
        said=(),
        contract='city: str = Field(alias="城市")\nvisits: int',
    ),
    visits(
        "thousands and decimals in one column",
        'site,cost\n1,"3,663.20"\n2,249.05\n3,"1,504"\n'.encode("utf-16"),
        columns={"site": [1, 2, 3], "cost": [3663.2, 249.05, 1504.0]},
        said=(),
        file="visits.csv",
    ),
    visits(
        "indian grouping",
        b'site,cost\n1,"12,34,567"\n2,"1,23,456"\n3,999\n',
        columns={"site": [1, 2, 3], "cost": [1234567, 123456, 999]},
        said=(),
        file="visits.csv",
    ),
    visits(
        "decimal point elsewhere in the file",
        b"site;visits;rate\n1;3,663;0.25\n2;1,249;1.75\n",
        columns={"site": [1, 2], "visits": [3663, 1249], "rate": [0.25, 1.75]},
        file="visits.csv",
    ),
]

ARTICLES = {
    "article": ["A0", "A1", "A2", "A3"],
    "weight": [83.8, 89.5, 254.3, 73.9],
    "pieces": [2, 26, 12, 39],
}
ARTICLE_LINES = ("article,weight,pieces", "A0,83.8,2", "A1,89.5,26", "A2,254.3,12", "A3,73.9,39")


def around(name: str, data: bytes, **more: Any) -> FileCase:
    return FileCase(name, "lines around", data, **({"columns": ARTICLES} | more))


LINES_AROUND = [
    around(
        "title, units and totals",
        lines(
            "Stock list,,",
            "printed 2024-03-01,,",
            ARTICLE_LINES[0],
            ",kg,pcs",
            *ARTICLE_LINES[1:],
            "Total,501.5,79",
        ),
        said=("Stock list|line 3|header", "kg|unit", "Total"),
    ),
    around(
        "the same, stated",
        lines(
            "Stock list,,",
            "printed 2024-03-01,,",
            ARTICLE_LINES[0],
            ",kg,pcs",
            *ARTICLE_LINES[1:],
            "Total,501.5,79",
        ),
        reading=Reading(header=3, skip_after_header=1, skip_footer=1),
    ),
    around(
        "a title that is not padded",
        lines("Stock list", "printed 2024-03-01", *ARTICLE_LINES),
        said=("Stock list|line 3|header",),
    ),
    around(
        "a blank line below the title",
        lines("Stock list", "", *ARTICLE_LINES),
        said=("Stock list|line 3|header",),
    ),
    around(
        "facts above the header",
        lines("Report:;Stock", "Date:;2024-03-01", "", *(r.replace(",", ";") for r in ARTICLE_LINES)),
        said=("Report|line 4|header",),
    ),
    around(
        "units in brackets",
        lines(ARTICLE_LINES[0], "[-],[kg],[pcs]", *ARTICLE_LINES[1:]),
        said=("kg|unit",),
    ),
    around(
        "totals in German",
        lines(
            "article;weight;pieces",
            *(r.replace(",", ";").replace(".", ",") for r in ARTICLE_LINES[1:]),
            "Summe;501,5;79",
        ),
        said=("Summe",),
    ),
    around(
        "totals without a word",
        lines(*ARTICLE_LINES, ",501.5,79"),
        said=("501.5|total|last",),
    ),
    around(
        "a company with the name Total is a row",
        lines("company,staff,offices", "Shell,82,7", "Total,101,9", "Eni,33,6", "Repsol,25,4"),
        columns={
            "company": ["Shell", "Total", "Eni", "Repsol"],
            "staff": [82, 101, 33, 25],
            "offices": [7, 9, 6, 4],
        },
    ),
    around(
        "a last row with the name Total that is no sum",
        lines("company,staff,offices", "Shell,82,7", "Eni,33,6", "Repsol,25,4", "Total,101,9"),
        columns={
            "company": ["Shell", "Eni", "Repsol", "Total"],
            "staff": [82, 33, 25, 101],
            "offices": [7, 6, 4, 9],
        },
    ),
    around(
        "a note at the end", lines(*ARTICLE_LINES, "", "(4 rows affected)"), said=("4 rows affected|line 7",)
    ),
    around("a source at the end", lines(*ARTICLE_LINES, "Source: stock office"), said=("Source|line 6",)),
    around(
        "comments above and between",
        lines("# exported by a machine", "# in kg", *ARTICLE_LINES[:3], "# second shelf", *ARTICLE_LINES[3:]),
        said=("#|comment",),
    ),
    around(
        "comments, stated",
        lines("% exported by a machine", *ARTICLE_LINES[:3], "% second shelf", *ARTICLE_LINES[3:]),
        reading=Reading(comment="%"),
    ),
    around("a delimiter at every end", lines(*(r + "," for r in ARTICLE_LINES))),
    around(
        "a delimiter at every end but that of the header",
        lines(ARTICLE_LINES[0], *(r + "," for r in ARTICLE_LINES[1:])),
        said=("delimiter|comma|end|empty|trailing",),
    ),
    around("blank lines between", lines(*ARTICLE_LINES[:2], "", "", *ARTICLE_LINES[2:], "", "  ")),
    around("rows of delimiters only", lines(*ARTICLE_LINES, ",,", ",,"), said=("2 rows|without any value",)),
    around("excel's line that names the delimiter", lines("sep=,", *ARTICLE_LINES)),
    around(
        "a row of names that are years",
        lines("country,2019,2020", "A,1.5,2.5", "B,3.5,4.25"),
        columns={"country": ["A", "B"], "y19": [1.5, 3.5], "y20": [2.5, 4.25]},
        contract='country: str\ny19: float = Field(alias="2019")\ny20: float = Field(alias="2020")',
    ),
    around("no header", lines("1,83.8,2", "2,89.5,26", "3,254.3,12"), columns={}, refused=("header",)),
    around(
        "no header, stated",
        lines("1,83.8,2", "2,89.5,26", "3,254.3,12"),
        columns={"column_1": [1, 2, 3], "column_2": [83.8, 89.5, 254.3], "column_3": [2, 26, 12]},
        reading=Reading(header=0),
    ),
    around(
        "two columns of one name",
        lines("a,b,a", "1,2,3", "4,5,6"),
        columns={"a": [1, 4], "b": [2, 5], "a_2": [3, 6]},
        said=("a_2",),
    ),
    around(
        "a column without a name",
        lines(",b", "7,2", "9,5"),
        columns={"unnamed_1": [7, 9], "b": [2, 5]},
    ),
    around(
        "a row that is too short",
        lines("a,b,c", "1,2,3", "4,5", "6,7,8"),
        columns={},
        refused=("line 3", "2"),
    ),
    around(
        "a row that is too long", lines("a,b", "1,2", "4,5,6", "6,7"), columns={}, refused=("line 3", "3")
    ),
    around("a header and no rows", lines("a,b,c"), columns={}, refused=("no rows",)),
]

COUNT = 40
_PLANS = ["S", "M", "L", "M"] * 10
_MONTHS = [(7 * i) % 19 for i in range(COUNT)]
_SHUFFLED = random.Random(1).sample(range(70_000, 99_000), COUNT)
IDS = ("id int", "id str", "left out")


def numbered(name: str, header: str, ids: Sequence[Any], *allowed: str, **more: Any) -> FileCase:
    columns = {header.lower().strip(): ids, "plan": _PLANS, "months": _MONTHS}
    data = table(f"{header},plan,months", ",", ids, _PLANS, _MONTHS)
    roles = {next(iter(columns)): allowed or IDS}
    return FileCase(name, "running numbers", data, **({"columns": columns, "roles": roles} | more))


RUNNING_NUMBERS = [
    numbered("a running account", "account", range(4000, 4000 + COUNT)),
    numbered("clients in no order", "client", _SHUFFLED),
    numbered("members as texts", "member", [f"M-{i:04}" for i in range(COUNT)]),
    numbered("customers in German", "Kunde", range(10_001, 10_001 + COUNT)),
    numbered("a number of the line", "nr", range(1, COUNT + 1)),
    numbered("subscribers with leading zeros", "subscriber", [f"{i:06}" for i in range(271, 271 + COUNT)]),
    numbered(
        "a nearly unique account",
        "account",
        [4000, *range(4000, 3999 + COUNT)],
        "left out",
        "id int",
        "group int",
    ),
    numbered(
        "customers with several rows each",
        "customer",
        [500 + i // 5 for i in range(COUNT)],
        "group int",
        "group str",
        "left out",
    ),
    numbered(
        "an index without a name",
        "",
        range(COUNT),
        columns={"unnamed_1": range(COUNT), "plan": _PLANS, "months": _MONTHS},
        roles={"unnamed_1": IDS},
    ),
]

ZONED = {"id": [1, 2, 3]}


def zoned(name: str, stamps: Sequence[str], right: Sequence[str], **more: Any) -> FileCase:
    data = table("id;opened", ";", (1, 2, 3), stamps)
    columns = {"columns": ZONED | {"opened": list(map(utc, right))}} if right else {}
    return FileCase(name, "offsets", data, **(columns | {"said": ("UTC",) if right else ()} | more))


TO_UTC = ("2023-07-23 13:16:00", "2023-01-20 11:51:00", "2023-07-13 21:52:00")
OFFSETS = [
    zoned(
        "offsets without a colon",
        ["2023-07-23 14:16:00+0100", "2023-01-20 13:51:00+0200", "2023-07-13 23:52:00+0200"],
        TO_UTC,
    ),
    zoned(
        "offsets with a colon",
        ["2023-07-23T14:16:00+01:00", "2023-01-20T13:51:00+02:00", "2023-07-13T23:52:00+02:00"],
        TO_UTC,
    ),
    zoned(
        "summer and winter of one place",
        ["2023-07-23T15:16:00+02:00", "2023-01-20T12:51:00+01:00", "2023-07-13T23:52:00+02:00"],
        TO_UTC,
    ),
    zoned(
        "Z for UTC", ["2023-07-23T13:16:00Z", "2023-01-20T11:51:00Z", "2023-07-13T21:52:00Z"], TO_UTC, said=()
    ),
    zoned(
        "Z by contract",
        ["2023-07-23T13:16:00Z", "2023-01-20T11:51:00Z", "2023-07-13T21:52:00Z"],
        TO_UTC,
        contract="id: int\nopened: datetime",
        said=(),
    ),
    zoned(
        "offsets by contract",
        ["2023-07-23 14:16:00+0100", "2023-01-20 13:51:00+0200", "2023-07-13 23:52:00+0200"],
        TO_UTC,
        contract="id: int\nopened: datetime",
    ),
    zoned(
        "offsets west of Greenwich, with fractions",
        ["2023-07-23T08:16:00.250-05:00", "2023-01-20T06:51:00.000-05:00", "2023-07-13T17:52:00.500-04:00"],
        ("2023-07-23 13:16:00.250", "2023-01-20 11:51:00", "2023-07-13 21:52:00.500"),
    ),
    zoned(
        "stamps of mails (RFC 2822)",
        [
            "Sun, 23 Jul 2023 14:16:00 +0100",
            "Fri, 20 Jan 2023 13:51:00 +0200",
            "Thu, 13 Jul 2023 23:52:00 +0200",
        ],
        TO_UTC,
    ),
    zoned(
        "an offset over midnight changes the day",
        ["2024-01-01T00:30:00+01:00", "2024-03-01T00:10:00+02:00", "2023-12-31T23:30:00-01:00"],
        ("2023-12-31 23:30:00", "2024-02-29 22:10:00", "2024-01-01 00:30:00"),
    ),
    zoned(
        "zoned and naive in one column",
        ["2023-07-23T14:16:00+01:00", "2023-01-20 13:51:00", "2023-07-13T23:52:00+02:00"],
        # It was to be refused at first: to take UTC where nothing is stated, and to say so, is right as well.
        ("2023-07-23 13:16:00", "2023-01-20 13:51:00", "2023-07-13 21:52:00"),
        said=("1 of 3", "offset", "UTC"),
        contract="id: int\nopened: datetime",
    ),
    zoned(
        "a stated zone",
        ["2023-07-23 15:16:00", "2023-01-20 12:51:00", "2023-07-13 23:52:00"],
        TO_UTC,
        contract='id: int\nopened: Annotated[datetime, Zone("Europe/Berlin")]',
        said=(),
    ),
    zoned(
        "a moment that daylight saving skips",
        ["2023-03-26 02:30:00", "2023-01-20 12:51:00", "2023-07-13 23:52:00"],
        (),
        refused=("opened", "02:30"),
        contract='id: int\nopened: Annotated[datetime, Zone("Europe/Berlin")]',
    ),
    zoned(
        "naive stamps stay as they are",
        ["2023-07-23 14:16:00", "2023-01-20 13:51:00", "2023-07-13 23:52:00"],
        ("2023-07-23 14:16:00", "2023-01-20 13:51:00", "2023-07-13 23:52:00"),
        said=(),
    ),
]


def nearly(name: str, texts: Sequence[str], right: Sequence[Any], *said: str, **more: Any) -> FileCase:
    """A column of numbers with something around them; a tab is between the fields."""
    ids = list(range(1, len(texts) + 1))
    data = table("id\tvalue", "\t", ids, texts)
    columns = {"columns": {"id": ids, "value": right}} if right else {}
    return FileCase(name, "nearly numbers", data, **(columns | {"said": said, "file": "data.tsv"} | more))


BY_FLOAT = "id: int\nvalue: float"
NEARLY_NUMBERS = [
    nearly("dollars", ["$2,248.60", "$615.38", "$0.50"], [2248.6, 615.38, 0.5], "$2,248.60", "2248.6"),
    nearly("dollars by contract", ["$2,248.60", "$615.38"], [2248.6, 615.38], contract=BY_FLOAT),
    nearly("euros behind", ["1.234,50 €", "12,00 €", "3,99 €"], [1234.5, 12.0, 3.99], "€"),
    nearly(
        "a code of a currency before", ["EUR 12.50", "EUR 3.75", "EUR 1,200.00"], [12.5, 3.75, 1200.0], "EUR"
    ),
    nearly("a code of a currency behind", ["12,50 CHF", "3,75 CHF", "0,05 CHF"], [12.5, 3.75, 0.05], "CHF"),
    FileCase(
        "pounds in windows-1252",
        "nearly numbers",
        "id\tvalue\n1\t£1,250.75\n2\t£0.99\n".encode("cp1252"),
        {"id": [1, 2], "value": [1250.75, 0.99]},
        said=("£", "1252"),
        file="data.tsv",
    ),
    nearly("percent is in percent", ["90%", "5%", "66%"], [90, 5, 66], "%"),
    nearly("percent with a blank and a decimal comma", ["12,5 %", "0,75 %", "3,0 %"], [12.5, 0.75, 3.0], "%"),
    nearly("percent by contract", ["90%", "5.5%"], [90.0, 5.5], contract=BY_FLOAT),
    nearly(
        "percent in some of the values",
        ["90%", "0.5", "66%", "0.25"],
        [],
        contract=BY_FLOAT,
        refused=("value", "%"),
    ),
    nearly("apostrophes", ["69'425", "3'762", "98"], [69425, 3762, 98], "69'425", "69425"),
    nearly("typographic apostrophes and decimals", ["1’234.50", "99.95"], [1234.5, 99.95]),
    nearly(
        "brackets for negatives", ["30.93", "(83.01)", "8.77"], [30.93, -83.01, 8.77], "(83.01)", "-83.01"
    ),
    nearly(
        "brackets, dollars and thousands", ["$(1,250.00)", "$80.25", "($3.10)"], [-1250.0, 80.25, -3.1], "("
    ),
    nearly("minus before the dollar", ["-$5.25", "$7.00", "-$1,000.50"], [-5.25, 7.0, -1000.5], "$"),
    nearly("a trailing minus", ["12.50-", "3.25", "100.00-"], [-12.5, 3.25, -100.0], "12.50-", "-12.5"),
    nearly("the minus of typography", [f"{MINUS}12.5", "3.25", f"{MINUS}0.5"], [-12.5, 3.25, -0.5]),
    nearly("a plus", ["+12.5", "-3.25", "+0.5"], [12.5, -3.25, 0.5]),
    nearly("blanks between thousands", ["1 234,5", "12 345 678,25", "7,5"], [1234.5, 12345678.25, 7.5]),
    nearly("no-break spaces", [f"1{NBSP}234,5", f"12{NBSP}345,25", "7,5"], [1234.5, 12345.25, 7.5]),
    nearly("thin spaces", [f"1{THIN}234.5", "7.5", f"9{THIN}876.25"], [1234.5, 7.5, 9876.25]),
    nearly("narrow no-break spaces", [f"1{NARROW}234", f"98{NARROW}765", "12"], [1234, 98765, 12]),
    nearly("underscores", ["1_234", "1_234_567", "89"], [1234, 1234567, 89]),
    nearly("exponents", ["1.5e3", "2E-2", "-3.25e+1"], [1500.0, 0.02, -32.5]),
    nearly("exponents with a decimal comma", ["1,5E+03", "2,25E-01", "7,0E+00"], [1500.0, 0.225, 7.0]),
    nearly("a unit that repeats", ["12 kg", "7 kg", "140 kg"], [12, 7, 140], "kg"),
    nearly("a unit without a blank", ["12.5cm", "7.25cm", "0.5cm"], [12.5, 7.25, 0.5], "cm"),
    nearly("two units", ["12 kg", "300 g", "7 kg"], ["12 kg", "300 g", "7 kg"]),
    nearly(
        "two units by contract",
        ["12 kg", "300 g", "7 kg"],
        [],
        contract=BY_FLOAT,
        refused=("value", "kg|300 g"),
    ),
    nearly("two currencies", ["$5.00", "€5.00", "$7.50"], ["$5.00", "€5.00", "$7.50"]),
    nearly(
        "two currencies by contract",
        ["$5.00", "€5.00", "$7.50"],
        [],
        contract=BY_FLOAT,
        refused=("value", "€|$"),
    ),
    nearly("versions are texts", ["1.2.3", "1.10.0", "2.0.1"], ["1.2.3", "1.10.0", "2.0.1"]),
    nearly(
        "telephones are texts",
        ["+49 30 123456", "+49 171 23456", "+1 202 5550123"],
        ["+49 30 123456", "+49 171 23456", "+1 202 5550123"],
    ),
    nearly("addresses of machines are texts", ["10.0.0.1", "192.168.10.20"], ["10.0.0.1", "192.168.10.20"]),
    nearly("ranges are texts", ["10-20", "20-30", "30-40"], ["10-20", "20-30", "30-40"]),
]


def rare(name: str, header: str, few: int, classes: Sequence[Any], **more: Any) -> FileCase:
    """A table with few rows of one class of the target; which is to be said, with their number."""
    chance = random.Random(name)
    size = len(classes)
    x = [round(chance.gauss(0, 1), 3) for _ in range(size)]
    z = [chance.choice("abc") for _ in range(size)]
    shuffled = chance.sample(list(classes), size)
    data = table(f"id,x,z,{header}", ",", range(1, size + 1), x, z, shuffled)
    columns = {"id": list(range(1, size + 1)), "x": x, "z": z}
    said = (header, f"{few} of {size}|{few} row|only {few}|{few} positive|{few:,} are")
    return FileCase(name, "few positives", data, columns, said=said, target=header, **more)


FEW_POSITIVES = [
    rare("three of 300", "fraud", 3, [1] * 3 + [0] * 297),
    rare("one of 120", "fraud", 1, [1] + [0] * 119),
    rare("two in words", "churned", 2, ["yes"] * 2 + ["no"] * 148),
    rare("three negatives", "paid", 3, [0] * 3 + [1] * 197),
    rare("a class of two among three", "species", 2, ["gull"] * 2 + ["tern", "skua"] * 80),
    rare("four of 400 in truths", "defect", 4, ["true"] * 4 + ["false"] * 396),
]


def dated(name: str, texts: Sequence[str], right: Sequence[Any], *said: str, **more: Any) -> FileCase:
    data = table("id;made", ";", range(1, len(texts) + 1), texts)
    columns = {"id": list(range(1, len(texts) + 1)), "made": right} if right else {}
    return FileCase(name, "dates in several forms", data, **({"columns": columns, "said": said} | more))


MARCH = [day("2024-03-27"), day("2024-03-18"), day("2024-03-28")]
BY_DATE = "id: int\nmade: date"
MIXED_DATES = [
    dated(
        "names of months, ISO and points", ["Mar 27, 2024", "2024-03-18", "28.03.2024"], MARCH, "2024-03-18"
    ),
    dated("the same by contract", ["Mar 27, 2024", "2024-03-18", "28.03.2024"], MARCH, contract=BY_DATE),
    FileCase(
        "a comma in dates without quotes",
        "dates in several forms",
        lines("id,when,n", "1,Mar 27, 2024,4", "2,2024-03-18,3", "3,28.03.2024,8", "4,Mar 14, 2024,9"),
        {"id": [1, 2, 3, 4], "when": [*MARCH, day("2024-03-14")], "n": [4, 3, 8, 9]},
        said=("Mar 27, 2024|comma",),
    ),
    dated("ISO and points", ["2024-03-27", "18.03.2024", "28.03.2024"], MARCH, "18.03.2024"),
    dated("long and short names of months", ["27 March 2024", "18 Mar 2024", "March 28, 2024"], MARCH),
    dated("points", ["27.03.2024", "18.03.2024", "28.03.2024"], MARCH),
    dated(
        "points without zeros",
        ["27.3.2024", "8.3.2024", "28.12.2023"],
        [day("2024-03-27"), day("2024-03-08"), day("2023-12-28")],
    ),
    dated(
        "the month first, a day above 12",
        ["03/27/2024", "03/18/2024", "03/04/2024"],
        [*MARCH[:2], day("2024-03-04")],
    ),
    dated(
        "the day first, a day above 12",
        ["27/03/2024", "18/03/2024", "04/03/2024"],
        [*MARCH[:2], day("2024-03-04")],
    ),
    dated(
        "day or month first",
        ["03/04/2024", "05/06/2024", "11/12/2024"],
        [],
        contract=BY_DATE,
        refused=("made", "day|%d/%m|%m/%d"),
    ),
    dated(
        "day or month first, stated",
        ["03/04/2024", "05/06/2024"],
        [day("2024-03-04"), day("2024-05-06")],
        contract='id: int\nmade: Annotated[date, Format("%m/%d/%Y")]',
    ),
    dated(
        "day first here and month first there",
        ["27/03/2024", "03/18/2024", "04/05/2024"],
        [],
        contract=BY_DATE,
        refused=("made", "27/03/2024|03/18/2024|04/05/2024"),
    ),
    dated(
        "years of two digits",
        ["27.03.24", "18.03.24", "28.03.24"],
        [],
        contract=BY_DATE,
        refused=("made", "27.03.24", "Format"),
    ),
    dated(
        "years of two digits, stated",
        ["27.03.24", "18.03.24", "28.03.24"],
        MARCH,
        contract='id: int\nmade: Annotated[date, Format("%d.%m.%y")]',
    ),
    dated("ISO with slashes", ["2024/03/27", "2024/03/18", "2024/03/28"], MARCH),
    dated(
        "morning and afternoon",
        ["03/27/2024 02:30 PM", "03/18/2024 12:05 AM"],
        [utc("2024-03-27 14:30:00"), utc("2024-03-18 00:05:00")],
    ),
    dated(
        "ISO with and without a clock",
        ["2024-03-27 14:30:00", "2024-03-18", "2024-03-28T07:05"],
        [utc("2024-03-27 14:30:00"), utc("2024-03-18 00:00:00"), utc("2024-03-28 07:05:00")],
        contract="id: int\nmade: datetime",
    ),
    dated(
        "a day that is not in the calendar",
        ["2024-02-30", "2024-03-18"],
        [],
        contract=BY_DATE,
        refused=("made", "2024-02-30"),
    ),
    dated("days without marks", ["20240327", "20240318", "20240328"], MARCH, contract=BY_DATE),
]

WORDS = {"id": [1, 2], "text": ["Smith, John", "plain"], "n": [5, 6]}


def written(name: str, data: bytes, columns: Mapping[str, Sequence[Any]] = WORDS, **more: Any) -> FileCase:
    return FileCase(name, "dialects", data, columns, **more)


DIALECTS = [
    written("double quotes", lines("id,text,n", '1,"Smith, John",5', "2,plain,6")),
    written("single quotes", lines("id,text,n", "1,'Smith, John',5", "2,'plain',6")),
    written(
        "single quotes, stated",
        lines("id,text,n", "1,'Smith, John',5", "2,plain,6"),
        reading=Reading(quote="'"),
    ),
    written(
        "apostrophes are no quotes",
        lines("id,text,n", "1,'t Hooft,5", "2,O'Brien,6", "3,rock 'n' roll,7"),
        {"id": [1, 2, 3], "text": ["'t Hooft", "O'Brien", "rock 'n' roll"], "n": [5, 6, 7]},
    ),
    written(
        "doubled quotes",
        lines("id;text;n", '1;"a ""b""; c";5', '2;"""";6'),
        {"id": [1, 2], "text": ['a "b"; c', '"'], "n": [5, 6]},
    ),
    written(
        "a stray quote in a field",
        lines("id,text,n", '1,5" pipe,5', '2,plain "x" y,6'),
        {"id": [1, 2], "text": ['5" pipe', 'plain "x" y'], "n": [5, 6]},
    ),
    written(
        "no quotes, stated",
        lines("id|text|n", '1|"open|5', "2|plain|6"),
        {"id": [1, 2], "text": ['"open', "plain"], "n": [5, 6]},
        reading=Reading(quote=""),
    ),
    written(
        "line ends in quotes",
        lines("id,text,n", '1,"first\nsecond\n\nthird",5', "2,plain,6"),
        {"id": [1, 2], "text": ["first\nsecond\n\nthird", "plain"], "n": [5, 6]},
    ),
    written(
        "a quote that is never closed", lines("a,b", "1,2", '3,"x', "4,5"), {}, refused=("line 3", "closed")
    ),
    written("semicolons", lines("id;text;n", "1;Smith, John;5", "2;plain;6")),
    written("tabs", lines("id\ttext\tn", "1\tSmith, John\t5", "2\tplain\t6"), file="data.tsv"),
    written("pipes", lines("id|text|n", "1|Smith, John|5", "2|plain|6"), file="data.txt"),
    written("blanks around the fields", lines("id ; text ; n", " 1 ; Smith, John ; 5 ", " 2 ; plain ; 6 ")),
    written(
        "excel's line that names a semicolon", lines("sep=;", "id;text;n", "1;Smith, John;5", "2;plain;6")
    ),
    written(
        "colons, stated", lines("id:text:n", "1:Smith, John:5", "2:plain:6"), reading=Reading(delimiter=":")
    ),
    written("colons", lines("id:text:n", "1:Smith John:5", "2:plain:6"), {}, refused=("one column", ":")),
    # It was to be refused at first: to read it and to say so is right as well.
    written(
        "one column", lines("price", "1.5", "2.25"), {"price": [1.5, 2.25]}, said=("one column", "price")
    ),
    written("one column without a name", lines("1.5", "2.25", "3.5"), {}, refused=("one column", "1.5")),
    written(
        "one column, stated",
        lines("price", "1.5", "2.25"),
        {"price": [1.5, 2.25]},
        reading=Reading(delimiter=","),
    ),
    written("windows line ends", lines("id;text;n", "1;Smith, John;5", "2;plain;6", end="\r\n")),
    written("line ends of old Macs", lines("id;text;n", "1;Smith, John;5", "2;plain;6", end="\r")),
    written("line ends of old Macs and one of Unix", b"id;text;n\r1;Smith, John;5\r2;plain;6\n"),
    written("no line end at the end", lines("id;text;n", "1;Smith, John;5", "2;plain;6")[:-1]),
    written("mixed line ends", b"id;text;n\r\n1;Smith, John;5\n2;plain;6\r\n"),
    written(
        "gzipped",
        gzip.compress(lines("id;text;n", "1;Smith, John;5", "2;plain;6"), mtime=0),
        file="data.csv.gz",
    ),
    written(
        "gzipped tabs in utf-16",
        gzip.compress("id\ttext\tn\n1\tSmith, John\t5\n2\tplain\t6\n".encode("utf-16"), mtime=0),
        file="data.tsv.gz",
    ),
    written("an archive with the name of a csv", b"PK\x03\x04\x14\0\x06\0" * 20, {}, refused=("zip|Excel",)),
    written("nothing", b"", {}, refused=("empty",)),
    written(
        "more commas in texts than delimiters",
        lines("id;text;n", "1;a, b, c, d;5", "2;e, f, g, h;6"),
        {"id": [1, 2], "text": ["a, b, c, d", "e, f, g, h"], "n": [5, 6]},
    ),
]


def towns(name: str, texts: Sequence[str], encoding: str, *said: str, **more: Any) -> FileCase:
    rows = "".join(f"{t};{i}\n" for i, t in enumerate(texts, 1))
    columns = {"town": list(texts), "n": list(range(1, len(texts) + 1))}
    return FileCase(name, "encodings", f"town;n\n{rows}".encode(encoding), columns, said=said, **more)


ENCODINGS = [
    towns("utf-8", ["Łódź", "Köln", "東京", "Αθήνα"], "utf-8"),
    towns("utf-8 with a mark", ["Łódź", "Köln", "東京"], "utf-8-sig"),
    towns("latin-1", ["Köln", "Besançon", "Málaga", "Århus"], "latin-1", "1252|latin"),
    towns("windows-1252", ["Köln – Süd", "“Malmö”", "5 € l’été"], "cp1252", "1252"),
    towns(
        "polish, windows-1250",
        ["Łódź", "Kraków", "Gdańsk", "Częstochowa", "Wrocław", "Świdnica"],
        "cp1250",
        "1250",
    ),
    towns(
        "czech, windows-1250",
        ["Třebíč", "Přerov", "Kroměříž", "Žďár", "Plzeň", "Dvůr Králové"],
        "cp1250",
        "1250",
    ),
    towns("russian, windows-1251", ["Москва", "Казань", "Нижний Новгород", "Пермь"], "cp1251", "1251"),
    towns("mac roman", ["München", "Köln", "Besançon", "Zürich", "Genève", "Straße"], "mac_roman", "mac"),
    towns(
        "shift-jis, stated", ["東京", "大阪", "名古屋"], "shift_jis", reading=Reading(encoding="shift_jis")
    ),
    towns("latin-2, stated", ["Łódź", "Gdańsk"], "iso8859_2", reading=Reading(encoding="iso8859_2")),
    FileCase(
        "an encoding that does not fit",
        "encodings",
        "town;n\nKöln;1\nMünchen;2\n".encode("latin-1"),
        refused=("utf-8|UTF-8", "byte"),
        reading=Reading(encoding="utf-8"),
    ),
]

MISSING = [
    FileCase(
        "words for missing values",
        "nulls",
        lines(
            "id,n,x,day,ok",
            "1,5,0.5,2024-03-27,yes",
            "2,NA,n/a,-,NULL",
            "3,?,,null,no",
            "4,-7,-,2024-03-18,yes",
        ),
        {
            "id": [1, 2, 3, 4],
            "n": [5, None, None, -7],
            "x": [0.5, None, None, None],
            "day": [day("2024-03-27"), None, None, day("2024-03-18")],
            "ok": [True, None, False, True],
        },
    ),
    FileCase(
        "a dash in a text is a text",
        "nulls",
        lines("id,text", "1,a", "2,-", "3,"),
        {"id": [1, 2, 3], "text": ["a", "-", None]},
    ),
    FileCase(
        "missing values, stated",
        "nulls",
        lines("id;text;n", "1;a;5", "2;k.A.;k.A.", "3;-;-99"),
        {"id": [1, 2, 3], "text": ["a", None, None], "n": [5, None, None]},
        reading=Reading(nulls=("k.A.", "-", "-99")),
    ),
    FileCase(
        "a word for a missing value that nobody stated",
        "nulls",
        lines("id,n", "1,5", "2,unknown", "3,7"),
        refused=("n", "unknown"),
        contract="id: int\nn: int",
    ),
]

TYPES = [
    FileCase(
        "leading zeros are codes",
        "types",
        lines("zip;code;n", "01067;007;1", "10115;042;2", "80331;115;3"),
        {"zip": ["01067", "10115", "80331"], "code": ["007", "042", "115"], "n": [1, 2, 3]},
    ),
    FileCase(
        "long ids are exact",
        "types",
        lines("id,n", "9007199254740993,1", "9007199254740995,2", "9007199254740997,3"),
        {"id": [9007199254740993, 9007199254740995, 9007199254740997], "n": [1, 2, 3]},
    ),
    FileCase(
        "ids beyond 64 bits are texts",
        "types",
        lines("id,n", "12345678901234567890123,1", "12345678901234567890124,2"),
        {"id": ["12345678901234567890123", "12345678901234567890124"], "n": [1, 2]},
    ),
    FileCase(
        "truths in words",
        "types",
        lines("a,b,c,d,e", "yes,TRUE,ja,oui,t", "no,FALSE,nein,non,f", "yes,TRUE,nein,oui,f"),
        {
            "a": [True, False, True],
            "b": [True, False, True],
            "c": [True, False, False],
            "d": [True, False, True],
            "e": [True, False, False],
        },
    ),
    FileCase(
        "truths in whole numbers by contract",
        "types",
        lines("id,ok", "1,0", "2,1", "3,1"),
        {"id": [1, 2, 3], "ok": [False, True, True]},
        contract="id: int\nok: bool",
    ),
    FileCase(
        "a decimal in a column of whole numbers",
        "types",
        lines("id,fare", "1,7", "2,7.25", "3,8"),
        refused=("fare", "7.25", "float"),
        contract="id: int\nfare: int",
    ),
    FileCase(
        "whole numbers written as decimals",
        "types",
        lines("id,n", "1,12.0", "2,7.0", "3,8.0"),
        {"id": [1, 2, 3], "n": [12, 7, 8]},
        contract="id: int\nn: int",
    ),
    FileCase(
        "decimals beside whole numbers",
        "types",
        lines("id,x", "1,12", "2,7.5", "3,-8"),
        {"id": [1, 2, 3], "x": [12.0, 7.5, -8.0]},
    ),
]

CASES = [
    *POINT_THOUSANDS,
    *COMMA_THOUSANDS,
    *LINES_AROUND,
    *RUNNING_NUMBERS,
    *OFFSETS,
    *NEARLY_NUMBERS,
    *FEW_POSITIVES,
    *MIXED_DATES,
    *DIALECTS,
    *ENCODINGS,
    *MISSING,
    *TYPES,
]

FOLDER = Path(__file__).parents[1] / "data" / "cases"


def _plain(text: str) -> float:
    """Read a number that has a point as its decimal mark, whatever else stands around it."""
    number = float(re.sub(r"[^\d.]", "", text))
    return -number if text.startswith("(") else number


def _any_date(text: str) -> dt.date:
    forms = ("%Y-%m-%d", "%d.%m.%Y", "%b %d, %Y")
    for form in forms:
        try:
            return dt.datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(text)


def _to_utc(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S%z").astimezone(dt.UTC).replace(tzinfo=None)


def sample(
    file: str, pattern: str, parsers: Mapping[str, Callable[[str], Any]], *said: str, **more: Any
) -> FileCase:
    """One of the files that went wrong, read by a pattern of its lines; other lines are no rows."""
    data = (FOLDER / file).read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    rows = re.findall(f"^{pattern}\r?$", text, re.MULTILINE)
    columns = {n: [parse(row[i]) for row in rows] for i, (n, parse) in enumerate(parsers.items())}
    return FileCase(file, "samples", data, columns, said=said, file=file, **more)


SAMPLES = [
    sample(
        "european_points.csv",
        r"(\d+);([\d.]+);(\d+,\d+);(ja|nein)",
        {
            "nr": int,
            "umsatz": lambda t: int(t.replace(".", "")),
            "quote": lambda t: float(t.replace(",", ".")),
            "abo": lambda t: t == "ja",
        },
        "8.804",
        "8804",
        target="Abo",
    ),
    sample(
        "thousands_utf16.tsv",
        r"(\d+)\t([\d,]+)\t(\w)\t([01])",
        {"site": int, "visits": lambda t: int(t.replace(",", "")), "zone": str, "kept": int},
        "3,663",
        "3663",
        target="kept",
    ),
    sample(
        "lines_around.csv",
        r"(A\d{3}),([\d.]+),(\d+)",
        {"article": str, "weight": float, "pieces": int},
        "Stock list|line 3|header",
        "kg|unit",
        "Total",
        target="pieces",
    ),
    sample(
        "running_numbers.csv",
        r"(\d+),(\w),(\d+),([01])",
        {"account": int, "plan": str, "months": int, "left": int},
        target="left",
        roles={"account": IDS},
    ),
    sample(
        "offsets.csv",
        r"(\d+),([-\d]+ [:\d]+[+-]\d{4}),([01])",
        {"id": int, "opened": _to_utc, "late": int},
        "UTC",
        target="late",
    ),
    sample(
        "nearly_numbers.csv",
        r'(\d+),"?(\$[\d.,]+)"?,(\d+)%,([\d\']+),(\(?[\d.]+\)?),([01])',
        {
            "id": int,
            "price": _plain,
            "share": int,
            "stock": lambda t: int(t.replace("'", "")),
            "balance": _plain,
            "sold": int,
        },
        "$",
        "%",
        "'",
        "(",
        target="sold",
    ),
    sample(
        "three_positives.csv",
        r"(\d+),([-\d.]+),(\w),([01])",
        {"id": int, "x": float, "z": str, "fraud": int},
        "fraud",
        "3 of 300|3 rows|only 3|3 positive|3 are",
        target="fraud",
    ),
    sample(
        "mixed_dates.csv",
        r"(\d+),(.+),(\d+)",
        {"id": int, "when": _any_date, "n": int},
        "2024-03-28|23.03.2024|Mar 27, 2024",
        target="n",
    ),
]
